// Installs anvil and the contracts at the versions of package-lock.json and of TOKENS, unless they are
// there already. Several may run at a time: the first installs, the others wait for it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

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

/** A turn that takes longer belongs to a process that was killed. */
const LONGEST_TURN_MS = 300_000;

const here = dirname(fileURLToPath(import.meta.url));
const stamp = join(here, 'node_modules', '.stamp');
const turn = join(here, '.installing');
const wanted = createHash('sha256')
    .update(readFileSync(join(here, 'package-lock.json')))
    .update(JSON.stringify(TOKENS))
    .digest('hex');
const installed = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;

function run(program, args, cwd) {
    const child = spawnSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] });
    if (child.error) throw child.error;
    if (child.status !== 0) throw new Error(`${program} ${args[0]} ended with ${child.status}`);
    return child.stdout;
}

function install() {
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
    writeFileSync(stamp, wanted);
}

/** Whether it is this process's turn. */
function begin() {
    try {
        mkdirSync(turn);
        return true;
    } catch (error) {
        if (error.code !== 'EEXIST') throw error;
        const since = statSync(turn, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
        if (Date.now() - since > LONGEST_TURN_MS) rmSync(turn, { recursive: true, force: true });
        return false;
    }
}

while (!installed()) {
    if (!begin()) {
        await sleep(200);
        continue;
    }
    try {
        if (!installed()) install();
    } finally {
        rmSync(turn, { recursive: true, force: true });
    }
}
