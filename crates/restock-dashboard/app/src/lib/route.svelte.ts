// Pages are named behind `#`, so that the server has one page and every place has a link.

export interface Route {
  page: string;
  parts: string[];
  query: URLSearchParams;
}

function read(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [page = '', ...parts] = path.split('/').map(decodeURIComponent);
  return { page: page || 'today', parts, query: new URLSearchParams(query) };
}

class Place {
  route = $state.raw<Route>(read());

  constructor() {
    addEventListener('hashchange', () => {
      this.route = read();
    });
  }
}

export const place = new Place();

export function link(page: string, parts: string[] = [], query: Record<string, string> = {}): string {
  const filled = Object.entries(query).filter(([, value]) => value !== '');
  const search = new URLSearchParams(filled).toString();
  return `#/${[page, ...parts].map(encodeURIComponent).join('/')}${search === '' ? '' : `?${search}`}`;
}

export function go(page: string, parts: string[] = [], query: Record<string, string> = {}): void {
  location.hash = link(page, parts, query);
}

/** Changes what stands behind `?` without another step in the history. */
export function setQuery(query: Record<string, string>): void {
  const { page, parts } = place.route;
  history.replaceState(null, '', link(page, parts, query));
  place.route = read();
}
