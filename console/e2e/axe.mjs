// Looks at a page with axe.
import axe from 'axe-core';
import assert from 'node:assert/strict';

// evaluate() runs beside the page's policy, so axe needs no exception from it.
export async function check(page, state) {
  await page.evaluate(axe.source);
  const violations = await page.evaluate(async () => {
    const result = await window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    });
    return result.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(' | ')}`,
    );
  });
  assert.deepEqual(violations, [], state);
}
