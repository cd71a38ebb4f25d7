/** Line icons of one family: 16 by 16, drawn in the colour of the text around them. */
const PATHS = {
  log: 'M3 4h10M3 8h10M3 12h6',
  api: 'M5.5 4 2 8l3.5 4M10.5 4 14 8l-3.5 4',
  errors: 'M8 2.5 14 13H2zM8 6.5v3M8 11.4v.2',
  resources: 'M8 2l5.5 3v6L8 14l-5.5-3V5zM2.5 5 8 8l5.5-3M8 8v6',
  integrity: 'M8 2l5 2v4c0 3-2.2 5-5 6-2.8-1-5-3-5-6V4zM5.7 8l1.7 1.7 3-3.2',
  settings: 'M2.5 5h6M11.5 5h2M2.5 11h2M7.5 11h6M10 3.5v3M6 9.5v3',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 13.5 13.5',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.3',
  close: 'M4 4l8 8M12 4l-8 8',
  down: 'M4 6.5 8 10.5l4-4',
  up: 'M4 9.5 8 5.5l4 4',
  right: 'M6.5 4l4 4-4 4',
  left: 'M9.5 4l-4 4 4 4',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  copy: 'M5.5 5.5h7v8h-7zM10.5 5.5v-3h-7v8h2',
  check: 'M3 8.5 6.5 12 13 4.5',
  play: 'M5 3.5v9l7.5-4.5z',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  refresh: 'M13 8a5 5 0 1 1-1.5-3.6M13 2.5v3h-3',
  columns: 'M2.5 3.5h11v9h-11zM6.2 3.5v9M9.8 3.5v9',
  filter: 'M2.5 3.5h11L9.5 8.5v4l-3-1.5V8.5z',
  link: 'M6.5 9.5l3-3M7 4.5 8.5 3a2.5 2.5 0 0 1 3.6 3.6L10.5 8M9 11.5 7.5 13a2.5 2.5 0 0 1-3.6-3.6L5.5 8',
  target: 'M8 4.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7zM8 1.5v3M8 11.5v3M1.5 8h3M11.5 8h3',
  sun: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  moon: 'M13 9.5A5.5 5.5 0 0 1 6.5 3a5.5 5.5 0 1 0 6.5 6.5z',
  screen: 'M2.5 3h11v7.5h-11zM5.5 13h5M8 10.5V13',
  keys: 'M1.5 4.5h13v7h-13zM4 7h.1M6.7 7h.1M9.3 7h.1M12 7h.1M5 9.5h6',
  out: 'M9.5 5V3h-7v10h7v-2M6.5 8h7M11 5.5 13.5 8 11 10.5',
  chart: 'M3 13V8M6.3 13V4M9.7 13V9.5M13 13V6',
  file: 'M4 2h5l3 3v9H4zM9 2v3h3',
  download: 'M8 2.5v7.5M4.8 7 8 10.2 11.2 7M3 13.5h10',
  star: 'M8 2.2l1.8 3.7 4 .6-2.9 2.8.7 4L8 11.4l-3.6 1.9.7-4L2.2 6.5l4-.6z',
  views: 'M4 2.5h8v11L8 10.8l-4 2.7z',
  dots: 'M3.5 8h.1M8 8h.1M12.5 8h.1',
  archive: 'M2 3h12v3H2zM3 6v7h10V6M6.5 9h3',
  users:
    'M6 3a2.3 2.3 0 1 0 0 4.6A2.3 2.3 0 0 0 6 3zM1.8 13c0-2.4 1.8-3.6 4.2-3.6s4.2 1.2 4.2 3.6M10.5 3.3a2.2 2.2 0 0 1 0 4M12 9.8c1.4.5 2.2 1.6 2.2 3.2',
  restore: 'M3 8a5 5 0 1 0 1.5-3.6M3 2.5v3h3',
} as const;

export type IconName = keyof typeof PATHS;

interface IconProps {
  name: IconName;
  size?: number;
  filled?: boolean;
}

export function Icon({ name, size = 16, filled = false }: IconProps) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill={filled ? 'currentColor' : 'none'}
        stroke="currentColor"
        stroke-width="1.5"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
