// The list of all specs in the sidebar, with a filter. One data file serves
// every page, so that the site does not grow with the square of the specs.
(function () {
  'use strict';
  var nav = document.querySelector('.spec-nav');
  var specs = window.SPECS || [];
  if (!nav || !specs.length) return;
  var root = nav.dataset.root.replace(/[^/]*$/, '');
  var here = location.pathname;
  var filter = document.createElement('input');
  filter.type = 'search';
  filter.placeholder = 'Filter ' + specs.length + ' specs';
  filter.setAttribute('aria-label', 'Filter the list of specs');
  var list = document.createElement('ul');

  function show() {
    var words = filter.value.toLowerCase().split(/\s+/);
    list.textContent = '';
    var shown = specs.filter(function (spec) {
      var text = (spec.release + ' ' + spec.spec + ' ' + spec.title + ' ' +
                  spec.status).toLowerCase();
      return words.every(function (word) { return text.includes(word); });
    });
    shown.slice(0, 200).forEach(function (spec) {
      var item = document.createElement('li');
      var link = document.createElement('a');
      link.href = root + spec.url;
      link.textContent = spec.spec;
      link.title = spec.title;
      if (here.endsWith('/' + spec.url)) {
        link.setAttribute('aria-current', 'page');
      }
      var where = document.createElement('small');
      where.textContent = ' ' + spec.release;
      item.append(link, where);
      list.append(item);
    });
    if (shown.length > 200) {
      var more = document.createElement('li');
      more.textContent = (shown.length - 200) + ' more: type to narrow';
      list.append(more);
    }
  }

  filter.addEventListener('input', show);
  if (specs.length > 8) nav.append(filter);
  nav.append(list);
  show();
})();
