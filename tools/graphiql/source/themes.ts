// Skyledger's colours for the editors; the page's own colours are in style.css.
import * as monaco from "./monaco";

export const EDITOR_THEMES = { light: "skyledger-light", dark: "skyledger-dark" };

const TRANSPARENT = "#ffffff00";

function define(name: string, base: "vs" | "vs-dark", colours: Record<"panel" | "accent" | "soft" | "keyword" | "field" | "argument" | "text" | "number" | "quiet", string>): void {
  monaco.editor.defineTheme(name, {
    base,
    inherit: true,
    colors: {
      "editor.background": TRANSPARENT,
      "scrollbar.shadow": TRANSPARENT,
      "textLink.foreground": colours.accent,
      "textLink.activeForeground": colours.accent,
      "editorLink.activeForeground": colours.accent,
      "editorHoverWidget.background": colours.panel,
      "editorSuggestWidget.background": colours.panel,
      "editorSuggestWidget.selectedBackground": colours.soft,
      "editorSuggestWidget.selectedForeground": colours.accent,
      "editorWidget.background": colours.panel,
      "quickInput.background": colours.panel,
      "menu.background": colours.panel,
      "menu.selectionBackground": colours.soft,
      "menu.selectionForeground": colours.accent,
      "list.hoverBackground": colours.soft,
      "list.highlightForeground": colours.accent,
      "list.focusHighlightForeground": colours.accent,
      "editorLineNumber.foreground": `${colours.quiet}99`,
      "editorLineNumber.activeForeground": colours.quiet,
      focusBorder: colours.accent,
    },
    rules: [
      { token: "keyword.gql", foreground: colours.keyword },
      { token: "key.identifier.gql", foreground: colours.field },
      { token: "argument.identifier.gql", foreground: colours.argument },
      { token: "type.identifier.gql", foreground: colours.keyword },
      { token: "comment", foreground: colours.quiet },
      { token: "string.key.json", foreground: colours.field },
      { token: "string.value.json", foreground: colours.text },
      { token: "string.gql", foreground: colours.text },
      { token: "number", foreground: colours.number },
      { token: "number.json", foreground: colours.number },
    ],
  });
}

/** Tells Monaco the two themes; must run before the editors are made. */
export function defineThemes(): void {
  define(EDITOR_THEMES.light, "vs", {
    panel: "#ffffff", accent: "#0b63ce", soft: "#0b63ce19", keyword: "#7c2bbf", field: "#0b5cad",
    argument: "#a1500a", text: "#1a7f37", number: "#a1500a", quiet: "#6b7787",
  });
  define(EDITOR_THEMES.dark, "vs-dark", {
    panel: "#1d2636", accent: "#6cb0ff", soft: "#6cb0ff22", keyword: "#d2a8ff", field: "#8cc2ff",
    argument: "#ffb77a", text: "#7ee2a0", number: "#ffb77a", quiet: "#8b98aa",
  });
}
