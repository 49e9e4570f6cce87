// The look of the page, light and dark, as one style sheet.

export const PAGE_STYLE = `
:root {
  --ground: #fbfbfa; --card: #ffffff; --ink: #1c1d1f; --soft: #63666b; --line: #e2e3e1;
  --track: #eeefec; --load: #2f6fdb; --store: #0f8a6c; --both: #8a56c9; --bad: #c2321f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #131416; --card: #1c1e21; --ink: #e8e9ea; --soft: #9a9ea5; --line: #2f3237;
    --track: #282b2f; --load: #6ea4ff; --store: #3fc6a0; --both: #bb90f0; --bad: #ff7b68;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 76rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .35rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; }
h2 small { color: var(--soft); font-weight: 400; margin-left: .6rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .6rem; }
h4 { font-size: .95rem; margin: 0 0 .5rem; }
.facts, footer, .legend { color: var(--soft); margin: 0; font-size: .9rem; }
.facts span:not(:last-child)::after { content: " ·"; }
.problems { color: var(--bad); border-left: 3px solid var(--bad); padding-left: 1.5rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .75rem;
  margin: 0 0 1.25rem; }
.tiles div, .chart, details { background: var(--card); border: 1px solid var(--line);
  border-radius: 8px; padding: .75rem 1rem; }
.tiles div { display: flex; flex-direction: column; justify-content: space-between; }
.tiles dt { color: var(--soft); font-size: .82rem; line-height: 1.3; }
.tiles dd { margin: .25rem 0 0; font-size: 1.2rem; font-weight: 600; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr));
  gap: .75rem; margin-bottom: .75rem; }
.bar { display: grid; grid-template-columns: minmax(8.5rem, 11rem) 1fr 4rem 6.7rem;
  align-items: center; gap: .6rem; font-size: .86rem; padding: .1rem 0; }
.bar .name { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.bar .value, .bar .rate { text-align: right; white-space: nowrap; }
.bar .rate { color: var(--soft); }
.track { position: relative; height: .95rem; background: var(--track); border-radius: 3px; }
.fill { position: absolute; inset: 0 auto 0 0; border-radius: 3px; background: var(--load); }
.store .fill { background: var(--store); }
.both .fill { background: var(--both); }
.spread { position: absolute; top: 50%; height: 0; border-top: 1.5px solid var(--ink); opacity: .7; }
.full { position: absolute; top: -.15rem; bottom: -.15rem; border-left: 1px dashed var(--soft); }
.wrong .name, td.wrong { color: var(--bad); font-weight: 600; }
details { overflow-x: auto; margin-top: 1.5rem; }
summary { cursor: pointer; font-weight: 600; }
table { border-collapse: collapse; width: 100%; font-size: .84rem; margin-top: .6rem; }
th, td { padding: .28rem .55rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
th:first-child, td:first-child, td.left, th.left { text-align: left; }
tr.part td { color: var(--soft); }
tr.part td:first-child { padding-left: 1.4rem; }
footer { margin-top: 2rem; }
code { font-family: ui-monospace, monospace; font-size: .85rem; overflow-wrap: anywhere; }
`;
