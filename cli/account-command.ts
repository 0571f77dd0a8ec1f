import { Command } from 'commander';
import { parseAddress } from '../actors/pocket/chain/address.ts';
import { parseAmount } from '../actors/pocket/chain/amounts.ts';
import { type SubmitFlags, submitMessage, withSubmit } from './submit.ts';

export function accountCommand(): Command {
  return new Command('account')
    .description('Use accounts')
    .addHelpText('after', '\nExample:\n  $ potoroo account send alice 00c7… 1000 --wait\n')
    .addCommand(sendCommand());
}

function sendCommand(): Command {
  return withSubmit(new Command('send'))
    .description('Send uPOKT from an account; says the hash once a node has accepted it durably')
    .argument('<from>', 'address or name of a key in the key directory, or path of a key file')
    .argument('<to>', 'address of the recipient, 40 hex digits')
    .argument('<amount>', 'uPOKT, a whole number')
    .addHelpText(
      'after',
      `
Examples:
  $ potoroo account send alice 5e9c4ab5ae2e2d4f3dbb0f1e0a83d0e4c1a3f7aa 1000 --wait
  $ potoroo account send 0554f492a74730076d738a63bf7a4a8e581dbc15 5e9c4ab5ae2e2d4f3dbb0f1e0a83d0e4c1a3f7aa 1 --dir ./localnet
`,
    )
    .action(send);
}

async function send(from: string, to: string, amount: string, flags: SubmitFlags): Promise<void> {
  const recipient = parseAddress(to);
  const uPOKT = parseAmount(amount);
  await submitMessage(from, flags, (key) => ({
    message: { type: 'utility.MessageSend', from: Buffer.from(key.address, 'hex'), to: recipient, amount: uPOKT },
    shown: { from: key.address, to, amount: uPOKT },
  }));
}
