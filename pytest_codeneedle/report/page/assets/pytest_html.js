/* pytest-html's page: for keyboards and screen readers what it is for a mouse, and diffs drawn when they are seen.
   Its script draws the table anew at every click; what is done here is done again then. */
(() => {
  'use strict';

  const FEW = 20; // diffs are drawn at once, more as they are seen
  const FIGURES = ['depth', 'matched', 'hallucinated', 'duration'];
  const find = (selector, within) => (within || document).querySelector(selector);
  const all = (selector, within) => [...(within || document).querySelectorAll(selector)];
  const make = (name, properties, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  document.documentElement.lang = 'en';
  document.body.classList.add('cn', 'cn-host');
  document.head.append(
    make('meta', { name: 'viewport', content: 'width=device-width, initial-scale=1' }),
    make('meta', { name: 'color-scheme', content: 'light dark' }),
  );

  /* A div that listens to clicks, as a button. */
  const pressable = (element, label) => {
    element.tabIndex = 0;
    element.setAttribute('role', 'button');
    element.setAttribute('aria-label', label);
    element.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' || event.key === ' ') {
        event.preventDefault();
        element.click();
      }
    });
  };

  /* One landmark, and what was found before what it ran on. */
  const arrange = () => {
    const main = make('main', { id: 'cn-main', tabIndex: -1 });
    const footer = find('body > footer');
    const children = [...document.body.children].filter((one) => one !== footer && one.localName !== 'template');
    footer.before(main);
    main.append(...children);
    const table = make('div', { className: 'cn-scroll cn-results', tabIndex: 0 });
    table.setAttribute('role', 'region');
    table.setAttribute('aria-label', 'Results');
    find('#results-table').replaceWith(table);
    return table;
  };

  const environment = () => {
    const header = find('#environment-header');
    const table = find('#environment');
    const heading = find('h2', header);
    const button = make('button', { type: 'button' }, heading.textContent);
    heading.replaceChildren(button);
    const tell = () => button.setAttribute('aria-expanded', String(!table.classList.contains('hidden')));
    header.addEventListener('click', tell); // behind pytest-html's own
    tell();
    all('ul > ul', table).forEach((empty) => empty.remove()); // where a list should end
    find('#cn-main').append(header, table);
  };

  const filters = () => {
    const group = find('.filters');
    group.setAttribute('role', 'group');
    group.setAttribute('aria-label', 'Filter by result');
    for (const box of all('input.filter', group)) {
      const said = box.nextElementSibling;
      const label = make('label', { className: 'cn-filter' });
      said.textContent = said.textContent.replace(/,$/, '');
      said.before(label);
      label.append(box, said);
      label.hidden = box.disabled;
    }
  };

  const headers = (table) => {
    for (const header of all('th.sortable', table)) {
      const column = header.dataset.columnType;
      const button = make('button', { type: 'button' }, header.textContent);
      button.dataset.columnType = column; // pytest-html asks whatever was clicked
      header.replaceChildren(button);
      header.classList.toggle('cn-figure', FIGURES.includes(column));
      header.scope = 'col';
    }
  };

  /* Where the focus was when a click made pytest-html draw the table anew. */
  let focused = null;
  const remember = () => {
    const at = document.activeElement;
    const header = at.closest('th');
    const row = at.closest('tr.collapsible');
    focused = header ? `th[data-column-type="${CSS.escape(header.dataset.columnType)}"] > button`
      : row ? `tr[data-id="${CSS.escape(row.dataset.id)}"] .cn-toggle` : null;
  };

  const opener = (row, details) => {
    const cell = find('.col-result', row);
    if (!cell) {
      return;
    }
    const said = cell.textContent;
    if (!find('.log, .extraHTML > *, .media:not(.hidden), .extra > :not(.extraHTML, .media, .logwrapper)', details)) {
      row.classList.add('cn-bare');
      details.classList.add('hidden');
      return;
    }
    const button = make('button', { type: 'button', className: 'cn-toggle' }, said);
    button.setAttribute('aria-expanded', String(!cell.classList.contains('collapsed')));
    button.addEventListener('click', (event) => {
      event.stopPropagation(); // pytest-html takes the parent of whatever was clicked for the row
      cell.click();
    });
    cell.replaceChildren(button);
  };

  const media = (details) => {
    const name = find('.media__name', details).textContent;
    all('img', details).forEach((image) => { image.alt = name; });
    pressable(find('.media-container__nav--left', details), 'Previous');
    pressable(find('.media-container__nav--right', details), 'Next');
  };

  /* A diff is no log: it has the width of the table. */
  const log = (wrapper) => {
    wrapper.after(...all('.cn-diff', wrapper));
    const text = find('.log', wrapper);
    if (!text || !text.textContent.trim()) {
      wrapper.remove();
    } else {
      pressable(find('.logexpander', wrapper), 'Expand or collapse this log');
    }
  };

  const draw = (host) => {
    if (!host.dataset.drawn) {
      host.dataset.drawn = 'yes';
      window.codeneedle.drawDiff(host, host.dataset.item);
    }
  };
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries.filter((one) => one.isIntersecting)) {
      seen.unobserve(entry.target);
      draw(entry.target);
    }
  }, { rootMargin: '300px' });

  const dress = (table) => {
    table.setAttribute('aria-label', 'Results');
    for (const header of all('th.sortable', table)) {
      const way = header.classList.contains('asc') ? 'ascending'
        : header.classList.contains('desc') ? 'descending' : 'none';
      header.setAttribute('aria-sort', way);
    }
    for (const row of all('tr.collapsible', table)) {
      const details = row.nextElementSibling;
      opener(row, details);
      if (!details.classList.contains('hidden')) {
        all('.media:not(.hidden)', details).forEach(media);
        all('.logwrapper', details).forEach(log);
      }
    }
    seen.disconnect();
    const open = all('tr:not(.hidden) .cn-diff', table);
    open.forEach(open.length > FEW ? (host) => seen.observe(host) : draw);
    if (focused && document.activeElement === document.body) {
      find(focused, table)?.focus({ preventScroll: true });
    }
    focused = null;
  };

  /* Where the questions are in a table of our own: pytest-html's is for tests of others. */
  const others = (region) => {
    const { tests } = JSON.parse(find('#data-container').dataset.jsonblob);
    const results = Object.values(tests).flat().map((test) => test.result.toLowerCase());
    if (!results.length) {
      [region, find('.controls'), find('p.filter')].forEach((one) => { one.hidden = true; });
      return;
    }
    region.before(make('h2', {}, 'Other tests'));
    region.before(find('p.filter'), find('.controls'));
    for (const label of all('.cn-filter')) {
      const [box, said] = label.children;
      const count = results.filter((one) => one === box.dataset.testResult).length;
      said.textContent = said.textContent.replace(/\d+/, String(count));
      label.hidden = count === 0;
    }
  };

  document.addEventListener('DOMContentLoaded', () => {
    const table = find('#results-table');
    const region = arrange();
    region.append(table);
    environment();
    filters();
    headers(table);
    if (find('.cn-items')) {
      others(region);
    }
    document.addEventListener('click', remember, true);
    new MutationObserver(() => dress(find('#results-table'))).observe(region, { childList: true });
    dress(table);
    window.addEventListener('beforeprint', () => all('tr:not(.hidden) .cn-diff', region).forEach(draw));
  });
})();
