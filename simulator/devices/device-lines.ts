import type { Message } from 'azure-iot-device';

// The words of Microsoft's device tutorials, so that a reader of those finds what they promise.

export function messageLines(message: Message, totalReceived: number): string[] {
  const body = message.getBytes();
  return [
    `Received Message [${totalReceived}]:`,
    `    Data: <<<${printable(body.toString('utf8'))}>>> & Size=${body.length}`,
    `    Properties: ${printable(JSON.stringify(applicationProperties(message)))}`,
    `    Total calls received: ${totalReceived}`,
  ];
}

export function methodLines(methodName: string, payload: unknown): string[] {
  return [
    'Direct method called.',
    'Method callback called with:',
    `methodName = ${printable(methodName)}`,
    `payload = ${printable(JSON.stringify(payload) ?? '')}`,
  ];
}

/** The SDK lists the system property `iothub-ack` among the sender's own properties. */
function applicationProperties(message: Message): Record<string, string> {
  const properties: [string, string][] = [];
  for (let index = 0; index < message.properties.count(); index++) {
    const { key, value } = message.properties.getItem(index);
    if (key !== 'iothub-ack') {
      properties.push([key, value]);
    }
  }
  return Object.fromEntries(properties);
}

/** What a sender puts into a message must not steer the reader's terminal. */
function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(2, '0');
    return `\\x${code}`;
  });
}
