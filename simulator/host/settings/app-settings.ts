import { HostError } from '../host-error.ts';

/** Replaces `%NAME%` by the setting of that name. */
export function expandSettings(text: string, environment: NodeJS.ProcessEnv): string {
  return text.replaceAll(/%([^%]+)%/g, (_, name: string) => {
    const value = environment[name];
    if (value === undefined) throw new HostError(`the setting ${name} of "${text}" is not set`);
    return value;
  });
}

/** A `connection` names a setting, with or without the prefix that Azure's own settings have. */
export function readConnectionString(connection: string, environment: NodeJS.ProcessEnv): string {
  const names = [`AzureWebJobs${connection}`, connection];
  const value = names.map((name) => environment[name]).find((text) => text);
  if (value !== undefined) return value;
  const identity = Object.keys(environment).find((key) =>
    names.some((name) => key.startsWith(`${name}__`)),
  );
  throw new HostError(
    identity === undefined
      ? `the setting ${connection} is not set; it must hold a connection string`
      : `${identity} connects by identity, which this host does not imitate; set ${connection} to a connection string`,
  );
}

/** On Linux a setting's name cannot hold a dot everywhere, so Azure takes both spellings. */
export function isDisabled(functionName: string, environment: NodeJS.ProcessEnv): boolean {
  return [`AzureWebJobs.${functionName}.Disabled`, `AzureWebJobs_${functionName}_Disabled`].some(
    (name) => ['true', '1'].includes(environment[name]?.toLowerCase() ?? ''),
  );
}
