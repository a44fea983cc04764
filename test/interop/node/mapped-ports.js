// Loaded before a program, where the SDKs' own ports are not to be had.
import { readFileSync } from 'node:fs';
import { mapPorts } from '../../../simulator/loopback/map-ports.ts';

mapPorts({
  hostName: 'localhost',
  ports: JSON.parse(process.env.HUB_PORTS),
  certificateAuthorityPem: readFileSync(process.env.CA_FILE, 'utf8'),
});
