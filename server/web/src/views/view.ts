/** What a saved view holds, and how it stands in the address. No calls, no signals. */
import { DEFAULT_FROM } from '../time/range';

/** What is searched and how it is shown: all of a view but its name and who sees it. */
export interface Content {
  q: string;
  /** As search takes it, `now-24h` or a time; null for no bound. */
  from: string | null;
  to: string | null;
  order: 'asc' | 'desc';
  /** null: those that whoever opens it has chosen for himself. */
  columns: string[] | null;
}

export interface View extends Content {
  id: string;
  name: string;
  shared: boolean;
  starred: boolean;
  mine: boolean;
  owner: { subject: string; name: string };
  version: number;
  created_at: string;
  updated_at: string;
}

/** The parameters that open a view. `from` always stands: an address with `view` alone is a permalink, not yet opened. */
export function paramsOf(view: Pick<View, 'id'> & Content): Record<string, string> {
  return {
    view: view.id,
    q: view.q,
    from: view.from ?? 'all',
    to: view.to ?? '',
    order: view.order === 'asc' ? 'asc' : '',
    columns: (view.columns ?? []).join(','),
    event: '',
  };
}

/** What the address asks for. */
export function contentOf(params: URLSearchParams): Content {
  const from = params.get('from') ?? '';
  const columns = (params.get('columns') ?? '').split(',').filter((each) => each !== '');
  return {
    q: (params.get('q') ?? '').trim(),
    from: from === 'all' ? null : from === '' ? DEFAULT_FROM : from,
    to: params.get('to') || null,
    order: params.get('order') === 'asc' ? 'asc' : 'desc',
    columns: columns.length > 0 ? columns : null,
  };
}

export function isPermalink(params: URLSearchParams): boolean {
  return (params.get('view') ?? '') !== '' && !params.has('from');
}

export function sameContent(a: Content, b: Content): boolean {
  const text = (each: Content) =>
    JSON.stringify([each.q.trim(), each.from, each.to, each.order, each.columns ?? []]);
  return text(a) === text(b);
}

/** Starred ones first, then the person's own, then those that others share; each in the person's order. */
export function grouped(views: readonly View[]): { title: string; views: View[] }[] {
  const rest = views.filter((each) => !each.starred);
  return [
    { title: 'Starred', views: views.filter((each) => each.starred) },
    { title: 'Yours', views: rest.filter((each) => each.mine) },
    { title: 'Shared by others', views: rest.filter((each) => !each.mine) },
  ].filter((group) => group.views.length > 0);
}

/** The list with one of it moved to a neighbour's place; `among` says which of the list are neighbours. */
export function moved(list: readonly string[], id: string, by: number, among = list): string[] {
  const other = among[among.indexOf(id) + by];
  const next = [...list];
  const [from, to] = [next.indexOf(id), other === undefined ? -1 : next.indexOf(other)];
  if (from === -1 || to === -1 || !among.includes(id)) return next;
  next.splice(from, 1);
  next.splice(to, 0, id);
  return next;
}
