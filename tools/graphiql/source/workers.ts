// Monaco's background work runs in three workers served as files by our own origin: no blob: or data: addresses, so the
// page's policy is `worker-src 'self'`.
import type { Configuration } from "./configuration";

/** Tells Monaco where its workers are. */
export function installWorkers(paths: Configuration["workerPaths"]): void {
  globalThis.MonacoEnvironment = {
    getWorker: (_identifier: string, label: string): Worker => {
      const path = label === "json" ? paths.json : label === "graphql" ? paths.graphql : paths.editor;
      return new Worker(path, { type: "module", name: label });
    },
  };
}
