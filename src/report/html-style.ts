import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { SEVERITY_ORDER } from './words.ts';

/** The look of the HTML report: one style sheet, no fonts or pictures from elsewhere. */

/** A colour by the work it does. Text colours reach a contrast of 4.5 on `paper` and `card` (WCAG 2.2 AA), marks in charts 3. A test holds them to it. */
export interface Palette {
  readonly paper: string;
  readonly card: string;
  readonly soft: string;
  readonly ink: string;
  readonly muted: string;
  readonly line: string;
  readonly link: string;
  readonly mark: string;
  readonly markQuiet: string;
  readonly critical: string;
  readonly high: string;
  readonly medium: string;
  readonly low: string;
  readonly info: string;
  /** Text on a severity colour. */
  readonly onSeverity: string;
}

export const LIGHT: Palette = {
  paper: '#f5f6f4',
  card: '#ffffff',
  soft: '#edf2f4',
  ink: '#1a2229',
  muted: '#545f69',
  line: '#dce0df',
  link: '#14567d',
  mark: '#4f8bad',
  markQuiet: '#7f8d99',
  critical: '#a2123c',
  high: '#bd3f0a',
  medium: '#8a6100',
  low: '#1d6d70',
  info: '#5a6570',
  onSeverity: '#ffffff',
};

export const DARK: Palette = {
  paper: '#11161b',
  card: '#191f26',
  soft: '#212a33',
  ink: '#e5e9ec',
  muted: '#9faab5',
  line: '#303a44',
  link: '#86c2e6',
  mark: '#5b9cc2',
  markQuiet: '#84919d',
  critical: '#ff7f98',
  high: '#ff9c66',
  medium: '#e5bf5c',
  low: '#6fc4c0',
  info: '#a7b2bc',
  onSeverity: '#11161b',
};

/** Headings of the tables that become cards on a narrow screen, where each cell carries its heading itself. */
export const CARD_TABLES = {
  index: ['Rank', 'Severity', 'What', 'Host', 'First seen', 'Lasted', 'Judged'],
  measures: ['Id', 'Measure', 'Value', 'Compared with', 'Share of the score'],
  flows: [
    'Id',
    'Start',
    'Initiator → responder, community\u00a0id',
    'Protocol',
    'Packets out\u00a0/\u00a0in',
    'Bytes out\u00a0/\u00a0in',
    'State',
    'Names',
    'Frame',
  ],
  records: ['Id', 'Row', 'Values'],
  filters: ['Filter', 'Mode', 'Rows dropped'],
  flags: ['Flag', 'Severity', 'What it is for', 'Rows', 'Entities'],
  strangest: ['Row', 'Score', 'What carried it', 'Values'],
  features: ['Feature', 'Weight', 'Missing', 'Least', 'Median', 'Most'],
  columns: ['Column', 'Kind', 'Missing'],
  drift: ['Feature', 'Index', 'How far', 'Moved', 'Missing'],
  clusters: ['Group', 'Rows', 'Silhouette', 'Stands for it: row', 'What sets it apart'],
  hosts: ['Host', 'Flows out', 'Flows in', 'Bytes out', 'Bytes in', 'Seen', 'Services and names'],
  devices: ['Device', 'Addresses', 'Hardware', 'Role', 'Services', 'Seen'],
  inputs: ['Input', 'Format', 'Size', 'Packets or rows', 'Time', 'Read'],
  oddities: ['Name', 'Count', 'Meaning', 'First seen'],
} as const;

function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, color]) => `--${name}:${color}`)
    .join(';');
}

function cardLabels(): string {
  return Object.entries(CARD_TABLES)
    .flatMap(([table, headings]) =>
      headings.map((heading, i) => `.${table}>tbody>tr>:nth-child(${i + 1})::before{content:"${heading}"}`),
    )
    .join('\n');
}

function severityRules(): string {
  return SEVERITY_ORDER.map(
    (severity) =>
      `.badge.${severity}{background:var(--${severity})}.fill-${severity}{fill:var(--${severity})}.incident.${severity}{border-left-color:var(--${severity})}.count.${severity}{border-top-color:var(--${severity})}.count.${severity} b{color:var(--${severity})}`,
  ).join('\n');
}

/** Colours of groups, told apart also by people who see few colours (after Okabe and Ito 2008); the same on light, dark and paper. */
const GROUP_COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#56b4e9', '#7f7f7f'];

/** Which group has which colour, for the cut that is switched on; and its list alone is shown. */
function groupRules(): string {
  const rules = GROUP_COLORS.map((color, i) => `.dot.c${i + 1}{background:${color}}`);
  for (let k = 2; k <= GROUP_COLORS.length; k++) {
    rules.push(`#cut-${k}:checked~.cuts .cut-list.k${k}{display:block}`);
    for (let label = 1; label <= k; label++)
      rules.push(`#cut-${k}:checked~.cuts .k${k}c${label}{fill:${GROUP_COLORS[label - 1]}}`);
  }
  return rules.join('\n');
}

export const STYLE = `
:root{color-scheme:light dark;${variables(LIGHT)};
--sans:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Liberation Sans",Arial,sans-serif;
--mono:ui-monospace,"Cascadia Mono","SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace}
@media screen and (prefers-color-scheme:dark){:root{${variables(DARK)}}}
*,*::before,*::after{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%;scroll-padding-top:3.5rem}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 var(--sans);overflow-wrap:anywhere}
h1,h2,h3,h4,p,dl,dd,ul,figure{margin:0;padding:0}
a{color:var(--link);text-underline-offset:.15em;text-decoration-thickness:1px}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:2px}
code,.mono{font-family:var(--mono);font-size:.875em}
.page{max-width:1136px;margin:0 auto;padding:0 24px}
.skip{position:absolute;left:-999px}.skip:focus{left:8px;top:8px;background:var(--card);padding:8px 12px;z-index:3}

.top{padding-top:40px;padding-bottom:20px}
.brand{color:var(--muted);font-size:.875rem;letter-spacing:.02em}
h1{font-size:1.75rem;line-height:1.2;font-weight:650;letter-spacing:-.012em;margin:4px 0 6px}
.top p{color:var(--muted)}
nav{position:sticky;top:0;z-index:2;background:var(--paper);border-bottom:1px solid var(--line)}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:0 22px}
nav a{display:block;padding:10px 0;font-size:.9375rem;color:var(--ink);text-decoration:none}
nav a:hover{color:var(--link);text-decoration:underline}

main>section{margin-top:44px}
h2{font-size:1.3125rem;font-weight:650;letter-spacing:-.008em;margin-bottom:14px}
.lead{font-size:1.1875rem;line-height:1.45;max-width:46em;margin-bottom:20px}
.lead+.lead{margin-top:-10px}
.card{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:20px 22px}
.card+.card,.card+.scroll,.scroll+.card,.scroll+.scroll{margin-top:16px}
.note{color:var(--muted);font-size:.875rem}
.warn{border-left:4px solid var(--high)}
.values{display:flex;flex-wrap:wrap;gap:2px 18px}.values dt{color:var(--muted);font-size:.8125rem}.values dd{font-family:var(--mono);font-size:.875em}
.groups>label{margin-right:14px;white-space:nowrap}.groups>input{accent-color:var(--link)}.cuts{display:grid;grid-template-columns:minmax(280px,440px) 1fr;gap:20px;margin-top:14px}.cut-list{display:none}
.map{width:100%;height:auto;background:var(--paper);border:1px solid var(--line);border-radius:6px}.map circle{fill-opacity:.75;fill:var(--muted)}.dot{display:inline-block;width:10px;height:10px;border-radius:50%}
.tree{width:100%;height:auto}.tree path{fill:none;stroke:var(--ink);stroke-width:1.2}.tree text{font-size:10px;fill:var(--muted)}
@media (max-width:760px){.cuts{grid-template-columns:1fr}}
${groupRules()}

.counts{list-style:none;display:grid;grid-template-columns:repeat(5,1fr);gap:12px;margin-bottom:12px}
.count{background:var(--card);border:1px solid var(--line);border-top:4px solid;border-radius:8px;padding:12px 16px}
.count b{display:block;font-size:1.75rem;line-height:1.15;font-weight:650;font-variant-numeric:tabular-nums}
.numbers{display:grid;grid-template-columns:repeat(5,1fr);gap:12px}
.numbers div{padding:8px 17px}
.numbers dt{color:var(--muted);font-size:.875rem}
.numbers dd{font-size:1.125rem;font-weight:600;font-variant-numeric:tabular-nums}
.numbers+.card{margin-top:16px}

svg{display:block}
.timeline{width:100%;height:auto;font-family:var(--sans)}
.timeline.narrow{display:none}
.timeline text{fill:var(--muted);font-size:12px;font-variant-numeric:tabular-nums}
.timeline .title{fill:var(--ink);font-size:13px;font-weight:600}
.timeline .title .note{fill:var(--muted);font-size:12px;font-weight:400}
.timeline .lane{fill:var(--ink)}.timeline .day,.timeline .rank{fill:var(--ink);font-weight:600}.timeline .rank{font-size:11px}
.timeline.narrow text,.timeline.narrow .title .note{font-size:10.5px}.timeline.narrow .title{font-size:12px}
.grid{stroke:var(--line);stroke-width:1}.baseline{stroke:var(--muted);stroke-width:1}
.area-bytes{fill:var(--mark)}.area-flows{fill:var(--markQuiet)}
.bar{width:100%;min-width:72px;height:10px;background:var(--soft);border-radius:2px}
.bar-plus{fill:var(--mark)}.bar-minus{fill:var(--markQuiet)}.bar-total{fill:var(--ink)}.bar-zero{fill:var(--muted)}
.bar-bound{stroke:var(--ink);stroke-width:1;vector-effect:non-scaling-stroke}.score-before{fill:none;stroke:var(--ink);stroke-width:1.5}
figcaption{margin-top:10px;color:var(--muted);font-size:.875rem}

.badge{display:inline-block;padding:.1em .6em;border-radius:4px;color:var(--onSeverity);font-size:.8125rem;font-weight:650;line-height:1.5;white-space:nowrap;overflow-wrap:normal}
${severityRules()}
.counts .none,.counts .none b{color:var(--muted);border-top-color:var(--line)}
.tag{display:inline-block;padding:0 .45em;border:1px solid var(--line);border-radius:4px;font-size:.75rem;font-weight:400;line-height:1.45;color:var(--muted);white-space:nowrap;overflow-wrap:normal}

.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:.875rem;line-height:1.4;font-variant-numeric:tabular-nums}
caption{caption-side:top;text-align:left;color:var(--muted);padding:10px 12px 6px}
th,td{text-align:left;vertical-align:top;padding:7px 12px;border-top:1px solid var(--line);overflow-wrap:break-word}
.index td:nth-child(3),.measures td:nth-child(2),.flows td:nth-child(8),.hosts td:nth-child(7),.drift th,.oddities td:nth-child(3),.inputs th,.steps th{overflow-wrap:anywhere}
.index td:nth-child(3),.measures td:nth-child(2){min-width:17em}.flows td:nth-child(8){min-width:12em}
thead th{border-top:0;color:var(--muted);font-weight:600;font-size:.8125rem;vertical-align:bottom}
tbody th{font-weight:600}
.r{text-align:right}
td.r{white-space:nowrap}
.flows td,.flows th{padding:6px 8px}.flows small{white-space:nowrap}.flows td:nth-child(3){white-space:nowrap}.flows td:nth-child(8) span{display:block}
.nb{white-space:nowrap;overflow-wrap:normal}
tfoot th,tfoot td{border-top:2px solid var(--line);font-weight:650}
td small,th small{display:block;color:var(--muted);font-size:.75rem;line-height:1.4;font-weight:400}

.incident{background:var(--card);border:1px solid var(--line);border-left:6px solid;border-radius:8px;padding:22px 26px 18px;margin-top:20px}
.kicker{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;color:var(--muted);font-size:.875rem}
.kicker .rank{font-size:1.0625rem;font-weight:650;color:var(--ink);font-variant-numeric:tabular-nums}
.kicker .id{margin-left:auto}
h3{font-size:1.25rem;line-height:1.35;font-weight:650;letter-spacing:-.006em;margin:8px 0 14px;max-width:42em}
.facts{display:grid;grid-template-columns:150px 1fr;gap:4px 20px;font-size:.9375rem}
.facts dt{color:var(--muted)}
.facts ul{list-style:none}
.host{display:inline-block;margin-right:10px}
.proposals .rule{margin:6px 0 12px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.8125rem}
.verdict{margin-top:16px;padding-top:16px;border-top:1px solid var(--line);display:grid;gap:10px}
.part{display:grid;grid-template-columns:150px 1fr;gap:4px 20px}
h4{font-size:.9375rem;font-weight:650;line-height:1.5}
.part p{max-width:44em}
.part p+p{margin-top:4px}
.part.act{background:var(--soft);border-radius:6px;margin:2px -12px;padding:10px 12px}
.cites{white-space:normal}
.cite{font-family:var(--mono);font-size:.75rem;padding:0 .3em;border:1px solid var(--line);border-radius:3px;text-decoration:none;background:var(--card);white-space:nowrap}
.cite:hover{border-color:var(--link)}
details{margin-top:14px;border-top:1px solid var(--line);padding-top:10px}
summary{cursor:pointer;font-weight:600;font-size:.9375rem;padding:2px 0}
summary .note{font-weight:400}
details>.scroll,details>.detection{margin-top:12px}
details>p{margin-top:8px}
.detection h4{margin-bottom:6px}
.detection .scroll{margin-top:6px}
.detection+.scroll{margin-top:16px}
.share{display:grid;grid-template-columns:3.6em minmax(72px,150px);align-items:center;gap:10px}
.steps .w{width:34%}
.steps .bar{margin-top:5px}
.detection:target{background:var(--soft);outline:8px solid var(--soft)}
tr:target>*{background:var(--soft);box-shadow:inset 0 2px var(--link),inset 0 -2px var(--link)}
.back{margin-top:12px;font-size:.875rem}
.list{padding-left:1.2em;max-width:52em}
.list li+li{margin-top:4px}.note+.list{margin-top:6px}
h3.plain{font-size:1.0625rem;margin:0 0 8px}
.made{display:grid;grid-template-columns:180px 1fr;gap:6px 20px;font-size:.9375rem}
.made dt{color:var(--muted)}
footer{margin:48px 0 40px;color:var(--muted);font-size:.875rem}

@media screen and (max-width:760px){
body{font-size:15px}
.page{padding:0 16px}
.top{padding-top:24px}
h1{font-size:1.4375rem}
html{scroll-padding-top:1rem}
nav{position:static}
nav ul{gap:0 18px}
main>section{margin-top:32px}
.counts{grid-template-columns:repeat(6,1fr);gap:8px}.count{padding:8px 10px;grid-column:span 2}.count:nth-child(n+4){grid-column:span 3}.count b{font-size:1.375rem}
.numbers{grid-template-columns:1fr 1fr;gap:0 8px}.numbers div{padding:6px 2px}
.card{padding:16px}
.timeline.wide{display:none}.timeline.narrow{display:block}
.incident{padding:16px;border-left-width:5px}
.kicker .id{margin-left:0;flex-basis:100%}
h3{font-size:1.125rem}
.facts,.part,.made{grid-template-columns:1fr;gap:0}
.facts dd,.made dd{margin-bottom:6px}
.part.act{margin:2px -8px;padding:8px}
.cards,.cards>tbody,.cards>tbody>tr,.cards>caption{display:block}
.cards>thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
.cards>tbody>tr{border-top:1px solid var(--line);padding:8px 12px}
.cards>tbody>tr>*{display:grid;grid-template-columns:116px 1fr;gap:0 10px;border:0;padding:2px 0;text-align:left;white-space:normal}
.cards>tbody>tr>*::before{color:var(--muted);font-weight:400;font-size:.8125rem}
.cards>tbody>tr>:empty{display:none}
.cards>tbody>tr>*>*{grid-column:2}
.cards .badge{justify-self:start}
.cards>tbody>tr>*{min-width:0!important;overflow-wrap:anywhere!important;white-space:normal!important}
.index>tbody>tr{display:flex;flex-wrap:wrap;align-items:center;gap:3px 12px;padding:10px 12px}
.index>tbody>tr>*,.index>tbody>tr>*::before{display:block;padding:0}.index>tbody>tr>*::before{display:none}
.index>tbody>tr>td:nth-child(3){flex-basis:100%;font-size:.9375rem}.index>tbody>tr>td:nth-child(n+4){color:var(--muted)}
tr:target>*{box-shadow:none}tr:target{outline:2px solid var(--link);outline-offset:-2px}
${cardLabels()}
}

@media print{
@page{size:A4;margin:14mm 12mm}
:root{color-scheme:light;--paper:#fff;--soft:#f3f5f5}
html{font-size:9.5pt}body{font-size:1rem;line-height:1.4}
.page{max-width:none;padding:0}
nav,.skip,.back{display:none}
.top{padding-top:0}
main>section{margin-top:20pt}
h1{font-size:18pt}h2{font-size:13pt}h3{font-size:11.5pt}.lead{font-size:11pt;margin-bottom:10pt}
h2,h3,h4,summary,.kicker,caption{break-after:avoid}
h2{break-before:auto}
.facts,.part,.count,tr,figure,.callout{break-inside:avoid}
thead{display:table-header-group}tfoot{display:table-row-group}
table{font-size:8pt}th,td{padding:3pt 5pt}thead th,td small,th small,.tag{font-size:7pt}
.incident{padding:10pt 12pt;margin-top:12pt;box-decoration-break:clone;-webkit-box-decoration-break:clone}
.facts,.part,.made{grid-template-columns:92pt 1fr;gap:2pt 12pt;font-size:1rem}.part.act{margin:2pt -6pt;padding:5pt 6pt}.card{padding:10pt 12pt}footer{margin:18pt 0 0}
.scroll{overflow:visible}
.flows td:nth-child(3){min-width:15em;white-space:normal;overflow-wrap:anywhere}
.badge,.bar,.count,.incident,svg,.part.act{print-color-adjust:exact;-webkit-print-color-adjust:exact}
a{color:inherit;text-decoration:none}
.cite{background:none;padding:0 .2em}
details::details-content{content-visibility:visible;block-size:auto;display:block;overflow:visible}
summary{list-style:none}summary::-webkit-details-marker{display:none}
.detection:target,tr:target>*{background:none;box-shadow:none;outline:0}
}
`;

/** The policy source that allows exactly this style sheet: 'sha256-...'. */
export function styleHash(): string {
  return `sha256-${btoa(String.fromCharCode(...sha256(utf8ToBytes(STYLE))))}`;
}
