//! The fixed parts of the page: its style, and what is said about every report.

/// Before the title. No script, no request to anywhere.
pub const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root { color-scheme: light; --ink: #1c2127; --soft: #505a66; --line: #c9d0d8; --band: #f3f5f7; --mark: #1f4e79; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 2rem 4rem; max-width: 78rem; background: #fff; color: var(--ink);
  font: 15px/1.5 "Liberation Sans", Arial, Helvetica, sans-serif; }
header { border-bottom: 3px solid var(--mark); margin-bottom: 1.5rem; padding-bottom: 1rem; }
.kind { margin: 0; color: var(--mark); font-weight: 700; letter-spacing: .08em; text-transform: uppercase; font-size: .8rem; }
h1 { margin: .2rem 0 .3rem; font-size: 1.9rem; line-height: 1.2; }
header p { margin: 0; color: var(--soft); }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.2rem; color: var(--mark); break-after: avoid; }
h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; break-after: avoid; }
p, ul, ol { max-width: 64rem; }
ul, ol { padding-left: 1.4rem; margin-top: .4rem; }
li { margin-bottom: .35rem; }
code, pre, .mono { font-family: "Liberation Mono", "DejaVu Sans Mono", Consolas, monospace; font-size: .86em; overflow-wrap: anywhere; }
pre { margin: .5rem 0; padding: .7rem .9rem; background: var(--band); border: 1px solid var(--line); border-radius: 3px;
  white-space: pre-wrap; break-inside: avoid; }
table { border-collapse: collapse; width: 100%; }
caption { text-align: left; padding-bottom: .5rem; color: var(--soft); }
th { text-align: left; font-weight: 700; vertical-align: top; }
.facts th, .facts td { padding: .4rem .8rem .4rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.facts th { width: 15rem; color: var(--soft); font-weight: 400; }
.facts td { overflow-wrap: anywhere; }
.facts .strong { font-weight: 700; }
.facts tr { break-inside: avoid; }
.note { border-left: 4px solid var(--mark); background: var(--band); padding: .7rem 1rem; margin: 1rem 0; max-width: 64rem; break-inside: avoid; }
.note p { margin: 0; }
.types { width: auto; min-width: 24rem; }
.types th, .types td { padding: .25rem 1.6rem .25rem 0; border-bottom: 1px solid var(--line); }
.types th { font-weight: 400; overflow-wrap: anywhere; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.entries { font-size: .84rem; line-height: 1.4; table-layout: fixed; }
.entries thead th { background: var(--mark); color: #fff; padding: .45rem .5rem; border: 0; }
.entries td, .entries tbody th { padding: .4rem .5rem; vertical-align: top; overflow-wrap: anywhere; }
.entries tbody { border-bottom: 1px solid var(--line); break-inside: avoid; }
.entries tbody:nth-of-type(even) { background: var(--band); }
.entries tbody tr + tr td { padding-top: 0; }
.entries .soft { color: var(--soft); }
.entries .detail { font-size: .92em; color: var(--soft); }
.entries .failure { font-weight: 700; color: #9c1c1c; }
.entries .pending { font-weight: 700; color: #7a5200; }
.c-seq { width: 5.5rem; } .c-time { width: 18rem; } .c-type { width: 12rem; } .c-act { width: 8rem; }
footer { margin-top: 2rem; padding-top: .7rem; border-top: 1px solid var(--line); color: var(--soft); font-size: .85rem; }
@page { size: A4; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); font: 8pt sans-serif; color: #505a66; } }
@page wide { size: A4 landscape; margin: 14mm 12mm 16mm; }
@media print {
  body { max-width: none; padding: 0; font-size: 9.5pt; -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  h1 { font-size: 18pt; }
  h2 { margin: 1.3rem 0 .4rem; }
  li { margin-bottom: .2rem; }
  pre { padding: .4rem .6rem; margin: .3rem 0; font-size: 7.5pt; }
  .facts th { width: 9rem; }
  .facts th, .facts td { padding: .25rem .6rem .25rem 0; }
  #entries { page: wide; break-before: page; }
  .entries { font-size: 7.2pt; line-height: 1.3; }
  .entries td, .entries tbody th { padding: .2rem .4rem; }
  .entries thead { display: table-header-group; }
  .c-seq { width: 18mm; } .c-time { width: 54mm; } .c-type { width: 42mm; } .c-act { width: 28mm; }
}
</style>
"#;

/// What is not proved, whatever was asked.
pub const NOT_PROVED: &str = r#"<li><strong>Not this page.</strong> It is made for reading. What can be checked is the JSON form of the same report; check that one, and compare its verification hash with the one above.</li>
<li><strong>Not that events are true</strong>, or that all that happened was sent. The log keeps what it is sent. <em>Timestamp</em> is the sender’s word; <em>recorded at</em> is the clock of the log’s operator and never runs back.</li>
<li><strong>Not that the index is right.</strong> Index events are made by the operator’s server: regularly, before anybody knows what will be asked, and a last one when a report is. Whether they say what the records say is found by recomputing them from the whole log (<code>stele verify --deep</code>). {deep}</li>
<li><strong>Not that there is only one log.</strong> A dishonest operator could sign two histories with one key. Two signed checkpoints of this log, without a consistency proof between them, are the evidence: compare the one below with one that was kept elsewhere.</li>
"#;

/// Before the row groups of the entries.
pub const ENTRIES_HEAD: &str = r#"<thead><tr><th scope="col" class="c-seq">Sequence</th><th scope="col" class="c-time">Timestamp, recorded at</th><th scope="col" class="c-type">Event type</th><th scope="col">Actor</th><th scope="col">Resource</th><th scope="col" class="c-act">Action</th></tr></thead>
"#;
