// Copies the pinned fonts, the icon subset and Basecoat's script out of node_modules into the
// committed folders, each beside its licence, and records every version in static/portal/versions.json.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const modules = join(here, "node_modules");
const portal = dirname(here);
const target = join(portal, "static", "portal");

const FONTS = [
  { pkg: "inter", name: "Inter Variable", weights: "100 900" },
  { pkg: "manrope", name: "Manrope Variable", weights: "200 800" },
  { pkg: "bricolage-grotesque", name: "Bricolage Grotesque Variable", weights: "200 800" },
  { pkg: "source-serif-4", name: "Source Serif 4 Variable", weights: "200 900" },
];
const SUBSETS = ["latin-ext", "latin"];

const manifest = (pkg) => JSON.parse(readFileSync(join(modules, pkg, "package.json"), "utf8"));
const digest = (file) => createHash("sha256").update(readFileSync(file)).digest("hex");

function fonts() {
  const folder = join(target, "fonts");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const faces = ["/* Self-hosted variable fonts, SIL Open Font License 1.1: see fonts/LICENSE-*.txt */"];
  for (const { pkg, name, weights } of FONTS) {
    const source = join(modules, "@fontsource-variable", pkg);
    copyFileSync(join(source, "LICENSE"), join(folder, `LICENSE-${pkg}.txt`));
    const ranges = JSON.parse(readFileSync(join(source, "unicode.json"), "utf8"));
    for (const subset of SUBSETS) {
      const file = `${pkg}-${subset}-wght-normal.woff2`;
      copyFileSync(join(source, "files", file), join(folder, file));
      faces.push(
        `@font-face {\n  font-family: "${name}";\n  font-style: normal;\n  font-display: swap;\n` +
          `  font-weight: ${weights};\n  src: url("fonts/${file}") format("woff2");\n` +
          `  unicode-range: ${ranges[subset]};\n}`,
      );
    }
  }
  writeFileSync(join(target, "fonts.css"), faces.join("\n\n") + "\n");
}

function icons() {
  const folder = join(portal, "icons");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const names = readFileSync(join(here, "icons.txt"), "utf8").split("\n").filter(Boolean);
  for (const name of names) {
    const svg = readFileSync(join(modules, "lucide-static", "icons", `${name}.svg`), "utf8");
    const body = svg.replace(/<!--.*?-->/gs, "").replace(/^\s*<svg[^>]*>|<\/svg>\s*$/gs, "");
    writeFileSync(join(folder, `${name}.svg`), body.replace(/>\s+</g, "><").trim() + "\n");
  }
  copyFileSync(join(modules, "lucide-static", "LICENSE"), join(folder, "LICENSE"));
}

function scripts() {
  const folder = join(target, "vendor");
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(modules, "basecoat-css", "dist", "js", "all.min.js"), join(folder, "basecoat.min.js"));
  copyFileSync(join(modules, "basecoat-css", "LICENSE.md"), join(folder, "LICENSE-basecoat.md"));
}

function versions() {
  const pinned = JSON.parse(readFileSync(join(here, "package.json"), "utf8")).devDependencies;
  const packages = Object.keys(pinned).sort().map((pkg) => {
    const { version, license } = manifest(pkg);
    return { name: pkg, version, license };
  });
  const files = {};
  for (const sub of ["fonts", "vendor"]) {
    for (const file of readdirSync(join(target, sub)).sort()) {
      files[`${sub}/${file}`] = digest(join(target, sub, file));
    }
  }
  writeFileSync(join(target, "versions.json"), JSON.stringify({ packages, sha256: files }, null, 2) + "\n");
}

mkdirSync(target, { recursive: true });
fonts();
icons();
scripts();
versions();
