#!/usr/bin/env node
// Every line of this file must be readable by a Node.js far older than the one we need, or its user gets a syntax error instead of the
// message: no `?.`, no `await`, no static import.

const MAJOR = 22;
const MINOR = 13;
/** The commands that read captures, or what was kept of them. */
const FRUGAL = ['analyze', 'flows', 'cut', 'replay'];

/** How much the old generation grows before it is collected, in hundredths. */
const GROWTH = '--heap-growing-percent=100';
/** The same by the bytes that the process takes, and whether V8 puts what is left together more often. */
const AS_IT_GROWS = [
  { below: 150e6, flags: [GROWTH, '--no-optimize-for-size'] },
  { below: 225e6, flags: ['--heap-growing-percent=40', '--no-optimize-for-size'] },
  { below: 300e6, flags: ['--heap-growing-percent=15', '--no-optimize-for-size'] },
  { below: Infinity, flags: ['--heap-growing-percent=15', '--optimize-for-size'] },
];
/** What Node.js itself takes, less what was set aside in arrays and never touched. */
const BESIDE = 35e6;

/**
 * What glibc's malloc reads (mallopt(3)); other C libraries know nothing of it. With a fixed size from which an array is mapped by itself, and so returned when it goes, that size
 * no longer rises to the largest array that went; and what is free at the end of the heap goes back from 1 MB on. The operator's own settings win.
 */
const FRUGAL_MALLOC = {
  MALLOC_ARENA_MAX: '1',
  MALLOC_MMAP_THRESHOLD_: '262144',
  MALLOC_TRIM_THRESHOLD_: '1048576',
};

const version = process.versions.node.split('.').map(Number);

if (version[0] < MAJOR || (version[0] === MAJOR && version[1] < MINOR)) {
  process.stderr.write(
    `anomalyst needs Node.js ${MAJOR}.${MINOR} or newer; this is ${process.version} at ${process.execPath}.\n` +
      'Install Node.js 24 (https://nodejs.org/en/download, your package manager, or `nvm install 24`) and run the same command again.\n',
  );
  process.exitCode = 2;
} else if (!becameFrugal()) {
  // A rejection is our own bug: Node.js shows its stack and exits 1.
  void start();
}

/**
 * Reading captures makes much short-lived data, for which V8 by itself takes 100 MB of young generation and lets the old one grow fourfold, and large arrays that come and go, whose
 * room the C library keeps for later. With these limits a run peaks 100 to 300 MB lower for a little more CPU: 8 MB to copy from, an old generation that is collected when it has
 * doubled (`staysSmall` goes on from there), one thread for the copying, as there is too little to copy for several, and a collection when the program asks for one. They can only be given at
 * the start: so the process starts itself again, in place. Where that is not possible (Windows, older Node.js) it simply goes on.
 */
function becameFrugal() {
  const flag = '--max-semi-space-size';
  const given = process.execArgv.concat(process.env.NODE_OPTIONS || '').some((option) => option.indexOf(flag) >= 0);
  if (
    FRUGAL.indexOf(process.argv[2]) < 0 ||
    given ||
    typeof process.execve !== 'function' ||
    process.platform === 'win32'
  )
    return false;
  const args = [process.execPath].concat(
    `${flag}=8`,
    GROWTH,
    '--no-parallel-scavenge',
    '--expose-gc',
    process.execArgv,
    process.argv.slice(1),
  );
  try {
    process.execve(process.execPath, args, Object.assign({}, FRUGAL_MALLOC, process.env));
  } catch {
    // Forbidden here (permission model): more memory, the same results.
  }
  return false;
}

/**
 * V8 compiles a function anew, and better, the more often it runs, with guesses about what it will meet; a run of a few seconds over a few hundred thousand packets
 * pays more for that than it gets back. Both optimising compilers wait longer, and the better one takes in less at once: a tenth less CPU each for a capture of 250 MB.
 * Unknown names are ignored by V8, and no result depends on them.
 */
function compilesLess(v8) {
  v8.setFlagsFromString('--invocation-count-for-maglev=1000');
  v8.setFlagsFromString('--invocation-count-for-maglev-osr=1000');
  v8.setFlagsFromString('--invocation-count-for-turbofan=300000');
  v8.setFlagsFromString('--max-inlined-bytecode-size-cumulative=300');
}

/**
 * The larger the process, the sooner it collects its old generation: while it is small nothing is to be gained, and each collection takes a tenth of a second. A large one that puts what is left together more often
 * takes a quarter more CPU and a fifth less memory. V8 reads these flags at each collection; while detectors
 * finish and detections are grouped no timer runs, so that what was set last must do for what these take. The bytes are those in use: what the process holds beside them it takes again before it asks for more.
 */
function staysSmall(v8) {
  if (process.execArgv.indexOf(GROWTH) < 0) return;
  let step;
  const timer = setInterval(() => {
    const { heapTotal, arrayBuffers } = process.memoryUsage();
    const next = AS_IT_GROWS.find(({ below }) => heapTotal + arrayBuffers + BESIDE < below);
    if (next === step) return;
    step = next;
    for (const flag of step.flags) v8.setFlagsFromString(flag);
  }, 200);
  timer.unref();
}

function start() {
  // A reader that has seen enough (`anomalyst flows x.pcap | head`) closes the pipe. Like any Unix tool we then stop at once, without a word,
  // and with the code that a shell gives for SIGPIPE: a gate in a script must not take the half-done work for a clean result.
  const stop = (error) => {
    if (error.code === 'EPIPE') process.exit(141);
    // A full disk behind a redirection is the operator's to mend; standard error may be what failed, so this is all that can be done.
    process.stderr.write(`error: cannot write the output: ${error.message}\n`, () => process.exit(2));
  };
  process.stdout.on('error', stop);
  process.stderr.on('error', stop);

  const app = new URL('../dist/app/main.js', import.meta.url);
  return Promise.all(['fs', 'module', 'url', 'v8'].map((name) => import(`node:${name}`))).then(
    ([fs, module, url, v8]) => {
      compilesLess(v8);
      staysSmall(v8);
      if (!fs.existsSync(app)) {
        process.stderr.write(
          `anomalyst is not built: ${url.fileURLToPath(app)} is missing.\nIn a clone of the repository, run \`npm run build\` first.\n`,
        );
        process.exitCode = 2;
        return undefined;
      }
      module.enableCompileCache();
      return import(app.href)
        .then((cli) => cli.main(process.argv.slice(2)))
        .then((code) => {
          // Not process.exit: what is still on its way to a slow reader would be lost.
          process.exitCode = code;
        });
    },
  );
}
