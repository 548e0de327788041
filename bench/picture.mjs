import { BESIDE, PEERS } from './table.mjs'

const COLORS = { c: '#b35900', dgram: '#0072b2' }

/** The ratios as SVG: a row for each case, in it a dot for each peer, its spread as a line, its target as a tick. */
export async function picture(results) {
  const [{ compile }, { parse, View }] = await Promise.all([import('vega-lite'), import('vega')])
  const view = new View(parse(compile(specification(results)).spec), { renderer: 'none' })
  return view.toSVG()
}

function specification(results) {
  const values = results.flatMap(({ title, ratios }) =>
    BESIDE.filter((peer) => peer in ratios).map((peer) => ({ title, peer: `to ${PEERS[peer]}`, ...ratios[peer] })),
  )
  const y = { field: 'title', type: 'nominal', sort: null, title: null, axis: { grid: true, tickBand: 'extent' } }
  const yOffset = { field: 'peer', type: 'nominal', sort: null, scale: { paddingOuter: 0.6 } }
  const color = {
    field: 'peer',
    type: 'nominal',
    title: null,
    scale: { domain: BESIDE.map((peer) => `to ${PEERS[peer]}`), range: BESIDE.map((peer) => COLORS[peer]) },
    legend: { orient: 'bottom', symbolOpacity: 1 },
  }
  const least = Math.min(1, ...values.flatMap((value) => [value.least, value.target ?? Infinity]))
  const most = Math.max(1, ...values.flatMap((value) => [value.most, value.target ?? 0]))
  const domain = [least / 1.15, most * 1.15]
  const x = (field) => ({
    field,
    type: 'quantitative',
    title: 'CPU time of sendmsg, in that of the other',
    scale: { type: 'log', domain, nice: false },
    axis: { values: [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20], format: '~r' },
  })
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    title: {
      text: 'CPU time per datagram: sendmsg beside C and dgram',
      subtitle: 'left of 1 is less; dot: median, line: least to most, tick: target',
      anchor: 'start',
      offset: 12,
    },
    background: 'white',
    padding: 16,
    width: 560,
    height: { step: 14, for: 'offset' },
    config: {
      font: 'sans-serif',
      axis: { labelFontSize: 12, titleFontSize: 12, labelLimit: 400, titleFontWeight: 'normal' },
      legend: { labelFontSize: 12 },
      title: { fontSize: 15, subtitleFontSize: 12, subtitlePadding: 5 },
    },
    data: { values },
    layer: [
      {
        data: { values: [{}] },
        mark: { type: 'rule', color: '#444', strokeWidth: 1.5 },
        encoding: { x: { datum: 1, type: 'quantitative' } },
      },
      {
        mark: { type: 'rule', strokeWidth: 2.5, opacity: 0.55 },
        encoding: { x: x('least'), x2: { field: 'most' }, y, yOffset, color },
      },
      { mark: { type: 'circle', size: 70, opacity: 1 }, encoding: { x: x('median'), y, yOffset, color } },
      {
        transform: [{ filter: 'isValid(datum.target)' }],
        mark: { type: 'tick', thickness: 2.5, size: 13, orient: 'vertical' },
        encoding: { x: x('target'), y, yOffset, color },
      },
    ],
  }
}
