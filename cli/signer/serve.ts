import { Registry } from 'prom-client';
import { RemoteServer } from '../../actors/host/signer/io/remote-server.ts';
import { signerMetrics } from '../../actors/host/signer/metrics.ts';
import { Signer } from '../../actors/host/signer/signer.ts';
import { genesisValidators } from '../../actors/pocket/chain/genesis.ts';
import { toHex } from '../../actors/pocket/chain/hex.ts';
import { readKeyInfo } from '../../config/keystore.ts';
import { loadNodeKey } from '../../net/node-key.ts';
import { systemClock } from '../../runtime/clock.ts';
import { createLog } from '../../runtime/logging.ts';
import { systemRandom } from '../../runtime/random.ts';
import { passwordFromFile, promptPassword } from '../password.ts';
import { StopSignals } from '../signals.ts';
import { EXIT_FAILED, note, print, printJson } from '../terminal.ts';
import { recordOwner, type SignerHome } from './home.ts';

export interface ServeOptions {
  /** Multiaddr. */
  readonly listen: string;
  readonly allowed: ReadonlySet<string>;
  readonly passwordFile?: string;
  readonly json: boolean;
}

/**
 * Runs the signer of a home as this process until it is interrupted, or cannot go on.
 * @throws KEY_*, SIGNER_RECORD_*, NODE_KEY_*, PORT_BUSY, LISTEN_FAILED
 */
export async function serveSigner(home: SignerHome, options: ServeOptions): Promise<void> {
  const { signer: config, log: logConfig } = home.config;
  const { networkId } = home.genesis;
  const validators = genesisValidators(home.genesis).list;
  const { address } = await recordOwner(home);
  const password = await passwordOf(config.key_file, options.passwordFile);
  const log = createLog('signer', logConfig.file === '' ? { level: logConfig.level } : logConfig);
  const signer = await Signer.open(
    { signer: config, networkId, validators, ...(password === undefined ? {} : { password }) },
    { clock: systemClock, log, metrics: signerMetrics(new Registry()) },
  );
  try {
    const ending = new Ending();
    const server = await RemoteServer.listen({
      listen: options.listen,
      key: await loadNodeKey(config.remote_key_file, systemRandom, 'signer.remote_key_file'),
      allowed: options.allowed,
      networkId,
      answers: signer.answers((error) => ending.fail(error)),
      clock: systemClock,
      log,
    });
    const { addresses } = server;
    if (options.json) printJson({ validator: toHex(address), network: networkId, addresses });
    else for (const one of addresses) print(one);
    note(
      `signer of validator ${toHex(address)} on ${networkId}; write one of these addresses as signer.remote of the node`,
    );
    log.info({ validator: toHex(address), addresses, allowed: [...options.allowed] }, 'the signer serves');
    try {
      await ending.end;
    } finally {
      await server.stop();
    }
    log.info('stopped');
  } finally {
    signer.close();
  }
}

/** Asks for the password of an encrypted key where no file was named. @throws USAGE where there is no terminal */
async function passwordOf(keyFile: string, passwordFile: string | undefined): Promise<string | undefined> {
  if (passwordFile !== undefined) return passwordFromFile(passwordFile);
  const { encrypted } = await readKeyInfo(keyFile);
  return encrypted ? promptPassword(`password of ${keyFile}: `) : undefined;
}

/** What ends a signer that serves: a signal, in order, or a fault of its record. */
class Ending {
  readonly end: Promise<void>;
  /** The record cannot be used any more: a person has to look. */
  readonly fail: (error: unknown) => void;

  constructor() {
    let stop!: () => void;
    let fail!: (error: unknown) => void;
    this.end = new Promise((resolve, reject) => {
      stop = resolve;
      fail = reject;
    });
    this.fail = fail;
    new StopSignals({ stop, force: () => process.exit(EXIT_FAILED) }).attach(['SIGINT', 'SIGTERM', 'SIGHUP']);
  }
}
