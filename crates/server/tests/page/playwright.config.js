// The page in a real Chromium, against the server that `COFACTOR_URL` names or one that `serve.js` starts.
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const PORT = 8098;
const given = process.env.COFACTOR_URL;
const chromium = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path && existsSync(path),
);

export default defineConfig({
  testDir: ".",
  testMatch: "*.spec.js",
  workers: 2,
  fullyParallel: true,
  forbidOnly: true,
  timeout: 40_000,
  expect: { timeout: 10_000 },
  reporter: "line",
  outputDir: "../../../../target/page-tests",
  use: {
    baseURL: given ?? `http://127.0.0.1:${PORT}`,
    viewport: { width: 1280, height: 900 },
    // Chromium's own sandbox cannot be set up by root, as in a container.
    launchOptions: { executablePath: chromium, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] },
  },
  webServer: given ? undefined : { command: `node serve.js ${PORT}`, url: `http://127.0.0.1:${PORT}/health/ready`, timeout: 120_000 },
});
