/** Plays a service for the tests: starts the embedded database on the folder it is given, says so, and stays. */
import { startEmbedded } from '../../src/db/embedded.ts';

try {
  await startEmbedded({ dataDirectory: process.argv[2] ?? '' });
  console.log('ready');
} catch (error) {
  console.log((error as Error).message);
  process.exitCode = 1;
}
