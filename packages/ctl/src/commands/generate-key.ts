import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import { privateKeyPem, publicKeyPem, readRsaKey } from '@holdfast/identity'
import { Option } from 'commander'
import { defineCommand, noOutputs } from '../cli/command.js'
import { CliError, exitStatus } from '../io.js'
import { readKey } from './generate-token.js'

export const signingKeyCommand = defineCommand<{ readonly format: 'pem' | 'pem-base64' }>({
  configure: (command) =>
    command.addOption(
      new Option('--format <format>', 'pem-base64 is what `data` of a secret wants')
        .choices(['pem', 'pem-base64'])
        .default('pem-base64'),
    ),
  outputs: noOutputs,
  more: `A new key of the control plane itself is made by 'holdfastctl rotate signing-key', which needs no file.`,
  examples: [
    ['generate signing-key --format pem > key.pem', 'to sign tokens where no control plane is reached'],
    ['generate signing-key', 'as `data` of GlobalSecret user-token-signing-key-2'],
  ],
  run: async ({ io }, _, { format }) => {
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2_048 })
    const pem = privateKeyPem(privateKey)
    io.out.write(format === 'pem' ? pem : Buffer.from(pem).toString('base64'))
    return exitStatus.fine
  },
})

export const publicKeyCommand = defineCommand<{ readonly signingKeyPath: string }>({
  configure: (command) => command.requiredOption('--signing-key-path <file>', 'private key in PEM'),
  outputs: noOutputs,
  examples: [
    ['generate public-key --signing-key-path key.pem', 'for a control plane that verifies tokens and issues none'],
  ],
  run: async ({ io }, _, { signingKeyPath }) => {
    const key = readRsaKey(Buffer.from(await readKey(io, signingKeyPath)))
    if (key === undefined || key.type !== 'private')
      throw new CliError(
        `${signingKeyPath} holds no private RSA key in PEM; make one with 'holdfastctl generate signing-key --format pem'`,
      )
    io.out.write(publicKeyPem(key))
    return exitStatus.fine
  },
})
