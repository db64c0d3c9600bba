// Installs the clients at the versions of package-lock.json, unless they are there already.

import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installed, run } from '../../../xtask/installed.mjs';

const here = dirname(fileURLToPath(import.meta.url));

await installed(here, '', () => {
    run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], here);
});
