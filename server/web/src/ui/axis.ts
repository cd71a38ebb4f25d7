/** Labels of a time axis: the day where a day begins, else the clock; in the zone that was chosen. */
import type uPlot from 'uplot';
import { stamp } from '../time/time';

export function timeLabels(_: uPlot, marks: number[], __: number, ___: number, step: number): string[] {
  let day = '';
  return marks.map((mark) => {
    const text = stamp(new Date(mark * 1000).toISOString(), 's');
    const [date = '', clock = ''] = text.split(' ');
    const turned = date !== day;
    day = date;
    if (step >= 86_400 * 360) return date.slice(0, 4);
    if (step >= 86_400 * 28) return date.slice(0, 7);
    if (step >= 86_400 || (turned && clock === '00:00:00')) return date.slice(5);
    return step >= 60 ? clock.slice(0, 5) : clock;
  });
}
