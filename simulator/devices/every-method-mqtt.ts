import type { AuthenticationProvider } from 'azure-iot-common';
import device from 'azure-iot-device';
import type { DeviceMethodRequest, DeviceMethodResponse, MethodMessage } from 'azure-iot-device';
import deviceMqtt from 'azure-iot-device-mqtt';

export interface MqttObserver {
  created(transport: CuttableTransport): void;
  methodCalled(request: DeviceMethodRequest, response: DeviceMethodResponse): void;
  messagesEnabled(error: Error | undefined): void;
  methodsEnabled(error: Error | undefined): void;
}

export interface CuttableTransport {
  /** Ends the network connection at once, also one that is not established yet. */
  cut(): void;
}

const METHOD_EVENT = 'method_';

/**
 * The SDK's MQTT transport, answering methods of every name. The SDK itself wants each name
 * registered and drops a call to any other without a word, so its caller would wait in vain.
 */
export function everyMethodMqtt(observer: MqttObserver): typeof deviceMqtt.Mqtt {
  return class EveryMethodMqtt extends deviceMqtt.Mqtt implements CuttableTransport {
    constructor(authenticationProvider: AuthenticationProvider) {
      super(authenticationProvider);
      observer.created(this);
    }

    cut(): void {
      // The SDK has no way to give up an attempt, and would hold socket and timer for a minute more.
      const { _mqttClient: client }: MqttBaseInside = this['_mqtt'];
      client?.stream?.destroy();
    }

    override emit(event: string | symbol, ...parameters: unknown[]): boolean {
      const [message] = parameters;
      if (typeof event === 'string' && event.startsWith(METHOD_EVENT) && isMethod(message)) {
        this.#dispatch(message);
        return true;
      }
      return super.emit(event, ...parameters);
    }

    override enableC2D(callback: (error?: Error) => void): void {
      super.enableC2D((error) => {
        callback(error);
        observer.messagesEnabled(error);
      });
    }

    override enableMethods(callback: (error?: Error) => void): void {
      super.enableMethods((error) => {
        callback(error);
        observer.methodsEnabled(error);
      });
    }

    #dispatch(message: MethodMessage): void {
      const response = new device.DeviceMethodResponse(message.requestId, this);
      let request: DeviceMethodRequest;
      try {
        request = new device.DeviceMethodRequest(
          message.requestId,
          message.methods.methodName,
          message.body,
        );
      } catch (error) {
        // As the SDK answers a payload that is not JSON.
        const reason = error instanceof Error ? error.message : String(error);
        response.send(400, `Invalid request format: ${reason}`, () => {});
        return;
      }
      observer.methodCalled(request, response);
    }
  };
}

/** The part of the SDK's inside that cut() needs; without it, cut() does nothing. */
interface MqttBaseInside {
  readonly _mqttClient?: { readonly stream?: { destroy(): void } };
}

function isMethod(value: unknown): value is MethodMessage {
  return typeof value === 'object' && value !== null && 'methods' in value && 'requestId' in value;
}
