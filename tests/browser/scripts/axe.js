// What axe-core says against the open page. The only argument is the list of rules; none: all that are wanted.
const [rules] = arguments;
const run = rules.length
  ? { runOnly: { type: "rule", values: rules } }
  : { runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] } };
return axe.run(document, { ...run, resultTypes: ["violations"], iframes: false, elementRef: false }).then(({ violations }) =>
  violations.flatMap(({ id, nodes, helpUrl }) =>
    nodes.slice(0, 3).map((node) => {
      const cure = node.failureSummary.split("\n").slice(1).map((line) => line.trim()).join("; ");
      return `${id} at \`${node.target.flat().join(" ")}\`${nodes.length > 3 ? ` and ${nodes.length - 1} more` : ""}: ${cure} (${helpUrl.split("?")[0]})`;
    })));
