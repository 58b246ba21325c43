// A candle chart with volume below, in the page's light or dark colours. Shared by the live page and the admin.
"use strict";

function precisionOf(bars) {
  let most = 2;
  for (const bar of bars) {
    for (const price of [bar.open, bar.high, bar.low, bar.close]) {
      const text = String(price);
      const decimals = text.includes(".") && !text.includes("e") ? text.split(".")[1].length : 0;
      most = Math.max(most, Math.min(decimals, 8));
    }
  }
  return most;
}

function makeChart(element, { isDark, hasTime }) {
  const text = isDark ? "#cbd5e1" : "#334155";
  const line = isDark ? "#1f2937" : "#e5e7eb";
  const chart = LightweightCharts.createChart(element, {
    autoSize: true,
    layout: { background: { color: "transparent" }, textColor: text, attributionLogo: true },
    grid: { vertLines: { color: line }, horzLines: { color: line } },
    rightPriceScale: { borderColor: line },
    timeScale: { borderColor: line, timeVisible: hasTime, secondsVisible: false },
  });
  const candles = chart.addSeries(LightweightCharts.CandlestickSeries, {
    upColor: "#16a34a", wickUpColor: "#16a34a", downColor: "#dc2626", wickDownColor: "#dc2626", borderVisible: false,
  });
  const volumes = chart.addSeries(LightweightCharts.HistogramSeries, {
    priceScaleId: "volume", priceFormat: { type: "volume" }, color: isDark ? "#475569" : "#cbd5e1",
    lastValueVisible: false, priceLineVisible: false,
  });
  chart.priceScale("volume").applyOptions({ scaleMargins: { top: 0.82, bottom: 0 } });
  return {
    show(bars) {
      const decimals = precisionOf(bars);
      candles.applyOptions({ priceFormat: { type: "price", precision: decimals, minMove: 10 ** -decimals } });
      candles.setData(bars);
      // An unknown volume is a hole, not a zero.
      volumes.setData(bars.map((bar) => (bar.volume === null ? { time: bar.time } : { time: bar.time, value: bar.volume })));
      chart.timeScale().fitContent();
    },
    update(bar) {
      candles.update(bar);
      volumes.update(bar.volume === null ? { time: bar.time } : { time: bar.time, value: bar.volume });
    },
  };
}
