import rhea from 'rhea';
import type { Container } from 'rhea';

/**
 * A container for one connection, with the ways in which clients may say who they are: rhea
 * tells nobody on which connection a password came.
 */
export function saslMechanisms(putToken: (token: string) => boolean): Container {
  const container = rhea.create_container();
  const mechanisms = container.sasl_server_mechanisms;
  mechanisms.enable_anonymous();
  // The C and Python SDKs ask for this one, which says that tokens come over $cbs.
  mechanisms.MSSBCBS = mechanisms.ANONYMOUS;
  // The user is `{policy}@sas.root.{hub}` or `{device}@sas.{hub}`, which the token says as well.
  mechanisms.enable_plain((_user: string, password: string) => putToken(password));
  return container;
}
