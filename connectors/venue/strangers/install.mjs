// Installs the clients at the versions of package-lock.json, unless they are there already. Several
// may run at a time: the first installs, the others wait for it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A turn that takes longer belongs to a process that was killed. */
const LONGEST_TURN_MS = 300_000;

const here = dirname(fileURLToPath(import.meta.url));
const stamp = join(here, 'node_modules', '.stamp');
const turn = join(here, '.installing');
const wanted = createHash('sha256').update(readFileSync(join(here, 'package-lock.json'))).digest('hex');
const installed = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;

function install() {
    const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    const npm = spawnSync('npm', options, { cwd: here, stdio: ['ignore', 2, 2] });
    if (npm.error) throw npm.error;
    if (npm.status !== 0) throw new Error(`npm ci ended with ${npm.status}`);
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
