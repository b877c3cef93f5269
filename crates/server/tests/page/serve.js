// Trains two models on MovieLens 100K in a folder of its own and serves them, until it is told to end: `node serve.js PORT`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const target = fileURLToPath(new URL("../../../../target/", import.meta.url));
const command = [process.env.COFACTOR_BIN, join(target, "release/cofactor"), join(target, "debug/cofactor")].find(
  (path) => path && existsSync(path),
);
if (!command) throw new Error("Build the command first (`cargo build -p cofactor-cli`), or name it in COFACTOR_BIN.");

const folder = mkdtempSync(join(tmpdir(), "cofactor-page-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const models = { films: "mf", als: "als" };
const files = Object.keys(models).map((name) => join(folder, `${name}.cofactor`));
for (const [i, algorithm] of Object.values(models).entries()) {
  const { status } = spawnSync(command, ["train", "ml-100k", "--model", algorithm, "--quiet", "--output", files[i]], { stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

const server = spawn(command, ["serve", ...files, "--bind", `127.0.0.1:${process.argv[2]}`], { stdio: "inherit" });
server.on("exit", (status) => process.exit(status ?? 0));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => server.kill(signal));
