// Builds dist/card.html: one file with the style and the script in it. `--check` compares instead of writing.
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const folder = new URL(".", import.meta.url);
const read = (name) => readFile(new URL(name, folder), "utf8");

const script = await build({
    entryPoints: [new URL("src/main.js", folder).pathname],
    bundle: true,
    charset: "utf8",
    format: "iife",
    legalComments: "none",
    loader: { ".json": "json" },
    minify: true,
    target: "es2022",
    write: false,
});
const style = await build({
    entryPoints: [new URL("src/style.css", folder).pathname],
    charset: "utf8",
    minify: true,
    write: false,
});
const page = (await read("src/card.html"))
    .replace("/*STYLE*/", () => style.outputFiles[0].text.trim())
    .replace("/*SCRIPT*/", () => script.outputFiles[0].text.trim());
const MAX_BYTES = 80 * 1024;
const bytes = Buffer.byteLength(page);
if (bytes > MAX_BYTES) throw new Error(`the card has ${bytes} bytes, more than ${MAX_BYTES}`);

const file = new URL("dist/card.html", folder);
if (process.argv.includes("--check")) {
    if (page !== await readFile(file, "utf8")) throw new Error("dist/card.html is not what the sources give: npm run build");
} else {
    await writeFile(file, page);
}
console.log(`dist/card.html: ${bytes} bytes`);
