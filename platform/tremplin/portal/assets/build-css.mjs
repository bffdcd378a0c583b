// Builds static/portal/app.<pack>.css for every style pack from app.css. Run by maintainers and
// compared in CI with the committed files: `npm run css -- --check` exits 1 when one differs.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(dirname(here), "static", "portal");
const cli = join(here, "node_modules", "@tailwindcss", "cli", "dist", "index.mjs");
const PACKS = ["vega", "nova", "lyra", "sera"];

const source = readFileSync(join(here, "app.css"), "utf8");
const check = process.argv.includes("--check");
let stale = 0;

function compile(pack) {
  return execFileSync(process.execPath, [cli, "--input", "-", "--minify"], {
    cwd: here,
    input: source.replace("basecoat-css/PACK", `basecoat-css/${pack}`),
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    stdio: ["pipe", "pipe", "pipe"],
  });
}

// About one build in twenty-five loses a rule in the minifier (seen with tailwindcss 4.3.5 on a busy
// machine), so an output counts only once a second build gave the same bytes.
function build(pack) {
  const seen = new Set();
  for (let attempt = 0; attempt < 8; attempt += 1) {
    const css = compile(pack);
    if (seen.has(css)) return css;
    seen.add(css);
  }
  throw new Error(`pack ${pack}: eight builds and no two alike`);
}

for (const pack of PACKS) {
  const built = build(pack);
  if (!built.includes(".shell-sidebar")) throw new Error(`pack ${pack}: the build is incomplete`);
  const file = join(target, `app.${pack}.css`);
  if (check) {
    if (readFileSync(file, "utf8") !== built) {
      stale += 1;
      process.stderr.write(`app.${pack}.css differs from its source: run npm run css\n`);
    }
  } else {
    writeFileSync(file, built);
    process.stdout.write(`app.${pack}.css ${built.length} characters\n`);
  }
}
process.exit(stale ? 1 : 0);
