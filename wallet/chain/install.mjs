// Installs anvil and the contracts at the versions of package-lock.json and of TOKENS, unless they are
// there already.

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed, run } from '../../xtask/installed.mjs';

/** Packages of which one compiled contract is used: taken without what they depend on. */
const TOKENS = [
    {
        name: 'no-return',
        spec: '@0x/contracts-erc20@3.3.57',
        sha512: 'HFdfgTiqMJN7tPVn26udMLPdtR6iCa0UACJzhmXCcNLPAne+sRuKMfNN3i28+3GsmFdSsi3tuYrU9E5vaI+Ljw==',
    },
    {
        name: 'zero-first',
        spec: '@1inch/solidity-utils@6.9.16',
        sha512: 'SnOB37v1BC5rGT60d7gUi0cEhwpUczoHdIfilKeehbmX7o3CDENgvbMpOv2jmSADh/iq+zhs+RDum+nJ+uUwTQ==',
    },
];

const here = dirname(fileURLToPath(import.meta.url));

await installed(here, JSON.stringify(TOKENS), () => {
    // Not `ci`: it wants anvil for every platform in the lock file, but registries differ in those.
    const options = ['--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    run('npm', ['install', ...options], here);
    for (const { name, spec, sha512 } of TOKENS) {
        const into = join(here, 'node_modules', '.tokens', name);
        mkdirSync(into, { recursive: true });
        const [packed] = JSON.parse(run('npm', ['pack', spec, '--json', '--loglevel=error'], into));
        const file = join(into, packed.filename.replace('@', '').replace('/', '-'));
        const found = createHash('sha512').update(readFileSync(file)).digest('base64');
        if (found !== sha512) throw new Error(`${spec} is not what it was`);
        run('tar', ['-xzf', file, '--strip-components=1'], into);
        rmSync(file);
    }
});
