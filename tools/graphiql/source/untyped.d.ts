// Modules that ship without type declarations, and the one global that Monaco reads.
declare module "*.css";
declare module "monaco-editor/esm/vs/*";
declare var MonacoEnvironment: { getWorker: (identifier: string, label: string) => Worker } | undefined;
