// Installs the clients at the versions of package-lock.json, unless they are there already. Several
// may run at a time: each installs beside, and the first to finish is taken.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const installed = join(here, 'node_modules');
const lock = readFileSync(join(here, 'package-lock.json'));
const wanted = createHash('sha256').update(lock).digest('hex');
const stamped = () => {
    const stamp = join(installed, '.stamp');
    return existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted;
};

if (!stamped()) {
    const beside = mkdtempSync(join(here, '.installing-'));
    try {
        for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(here, file), join(beside, file));
        const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
        const npm = spawnSync('npm', options, { cwd: beside, stdio: ['ignore', 2, 2] });
        if (npm.error) throw npm.error;
        if (npm.status !== 0) throw new Error(`npm ci ended with ${npm.status}`);
        writeFileSync(join(beside, 'node_modules', '.stamp'), wanted);
        if (!stamped()) {
            rmSync(installed, { recursive: true, force: true });
            try {
                renameSync(join(beside, 'node_modules'), installed);
            } catch (error) {
                if (!stamped()) throw error;
            }
        }
    } finally {
        rmSync(beside, { recursive: true, force: true });
    }
}
