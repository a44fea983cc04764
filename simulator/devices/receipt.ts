import device, { type Message } from 'azure-iot-device';

/** As a property of a message: which receipt its sender wants to see. As a property of an event: that it is one. */
const RECEIPT = 'downlink-receipt';

/** What a device sends that was asked to say how it went: `ok` or `error`. */
export function receiptOf(message: Message, ordinal: number): Message | undefined {
  const property = message.properties.propertyList.find(({ key }) => key === RECEIPT);
  if (property?.value !== 'ok' && property?.value !== 'error') return undefined;
  const receipt = new device.Message(JSON.stringify({ received: ordinal }));
  receipt.correlationId = message.messageId;
  receipt.contentType = 'application/json';
  receipt.contentEncoding = 'utf-8';
  receipt.properties.add(RECEIPT, property.value);
  return receipt;
}
