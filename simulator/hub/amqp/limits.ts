/** What the service offers in its Open frame, as seen in logs of its clients. */
export const MAX_FRAME_BYTES = 65_536;
export const CHANNEL_MAX = 8_191;
export const IDLE_TIME_OUT_MS = 240_000;

/** AMQP 1.0 §2.4.1: nobody may ask for less. */
export const MIN_MAX_FRAME_BYTES = 512;
/** Below this, answering the heartbeats asked for would be all that the hub does. */
export const MIN_PEER_IDLE_TIME_OUT_MS = 1_000;

/** How long a connection may live without a valid token. Our own: the service publishes no number. */
export const AUTHORISATION_DEADLINE_MS = 60_000;
/** How long the other side may take to read our last words and to close. */
export const CLOSE_GRACE_MS = 2_000;

/** Sends that a client may have under way on one link. */
export const LINK_CREDIT = 1_000;
/** Our own, far above the 64 KB that the hub takes: what is in between is rejected, and the link lives on. */
export const MAX_TRANSFER_BYTES = 1024 * 1024;
/** rhea keeps as many unsettled deliveries of a session and direction. */
export const SESSION_WINDOW = 2_048;
export const MAX_LINKS_PER_SESSION = 1_024;
export const MAX_LINK_NAME_LENGTH = 1_024;
/** The service has such a limit (403005) and publishes no number. */
export const MAX_TOKENS_PER_CONNECTION = 1_024;
export const MAX_UNSENT_REPLIES = 2_048;
/** Our own: method requests that wait for a device's credit, or for its answer, before the oldest is given up. */
export const MAX_OPEN_METHOD_REQUESTS = 256;
/** Our own: answers and notices of a twin that wait for a device's credit. */
export const MAX_UNSENT_TWIN_MESSAGES = 256;
/** Bytes that the other side has not read yet; beyond it, it is taken for dead. */
export const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
