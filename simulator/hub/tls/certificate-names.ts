const STANDARD_NAMES = [
  'localhost',
  '*.localhost',
  '*.azure-devices.net',
  '*.servicebus.windows.net',
  '127.0.0.1',
  '::1',
];

/** Every name that the hub's certificate holds. */
export function certificateNames(hostName: string): string[] {
  return [...new Set([...STANDARD_NAMES, hostName.toLowerCase()])];
}
