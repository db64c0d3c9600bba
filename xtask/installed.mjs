// Installs into a folder once, for as long as the same is wanted. Several processes may ask at a time:
// the first installs, the others wait for it.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** A turn that takes longer belongs to a process that was killed. */
const LONGEST_TURN_MS = 300_000;

/** Has `install` fill `folder`, unless it did so for the same lock file and the same `more`. */
export async function installed(folder, more, install) {
    const stamp = join(folder, 'node_modules', '.stamp');
    const turn = join(folder, '.installing');
    const wanted = createHash('sha256')
        .update(readFileSync(join(folder, 'package-lock.json')))
        .update(more)
        .digest('hex');
    const isThere = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
    while (!isThere()) {
        if (!begins(turn)) {
            await sleep(200);
            continue;
        }
        try {
            if (isThere()) return;
            install();
            writeFileSync(stamp, wanted);
        } finally {
            rmSync(turn, { recursive: true, force: true });
        }
    }
}

/** Runs a program to its end, and returns what it wrote. */
export function run(program, args, cwd) {
    const child = spawnSync(program, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 2] });
    if (child.error) throw child.error;
    if (child.status !== 0) throw new Error(`${program} ${args[0]} ended with ${child.status}`);
    return child.stdout;
}

/** Whether it is this process's turn. */
function begins(turn) {
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
