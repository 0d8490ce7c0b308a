package journeys_test

import (
	"testing"
	"time"

	"charye/test/journeys"
)

// faults lists what is wrong with a page for people who hear it, or who see only a narrow strip of it.
const faults = `(() => {
	const wrong = [], all = s => [...document.querySelectorAll(s)];
	const shown = e => e.getClientRects().length > 0;
	const say = e => e.outerHTML.slice(0, 120).replace(/\s+/g, ' ');
	const named = e => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') || '').split(' ')
		.map(id => (document.getElementById(id) || {}).textContent || '').join('') || e.textContent || e.title ||
		[...e.querySelectorAll('img')].map(i => i.alt).join('')).trim();

	if (!/^(ko|en)/.test(document.documentElement.lang)) wrong.push('the page does not say its language');
	if (!document.title.trim()) wrong.push('no title');
	const h1 = all('h1').filter(shown);
	if (h1.length !== 1) wrong.push(h1.length + ' first headings: ' + h1.map(h => h.textContent).join(', '));
	let level = 1; // a summary of mistakes stands before the first heading
	for (const h of all('h1,h2,h3,h4').filter(shown)) {
		const n = +h.tagName[1];
		if (n > level + 1) wrong.push('heading skips a level: ' + say(h));
		if (!h.textContent.trim()) wrong.push('empty heading: ' + say(h));
		level = n;
	}
	if (all('main').length !== 1) wrong.push('no main part');
	for (const e of all('input:not([type=hidden]), select, textarea')) {
		if (![...(e.labels || [])].some(l => l.textContent.trim()) && !named(e)) wrong.push('no label: ' + say(e));
	}
	for (const e of all('fieldset')) if (!e.querySelector('legend')) wrong.push('no legend: ' + say(e));
	for (const e of all('a[href], button').filter(shown)) if (!named(e)) wrong.push('no name: ' + say(e));
	for (const e of all('img:not([alt])')) wrong.push('no alt: ' + say(e));
	for (const e of all('progress').filter(shown)) if (!named(e) && !(e.labels || []).length) wrong.push('no name: ' + say(e));
	for (const e of all('nav')) if (all('nav').length > 1 && !named(e)) wrong.push('no name: ' + say(e));
	const ids = all('[id]').map(e => e.id);
	for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push('twice the id ' + id);
	for (const a of ['aria-labelledby', 'aria-describedby', 'for']) for (const e of all('[' + a + ']'))
		for (const id of e.getAttribute(a).split(' ')) if (!document.getElementById(id)) wrong.push(a + ' points nowhere: ' + say(e));
	for (const e of all('[tabindex]')) if (e.tabIndex > 0) wrong.push('jumps the tab order: ' + say(e));
	for (const e of all('a.button, button, label.radio, nav a, select, input:not([type=hidden]):not([type=radio]):not([type=checkbox])').filter(shown)) {
		const r = e.getBoundingClientRect();
		if (r.height < 24 || r.width < 24) wrong.push('too small to touch (' + r.width + ' × ' + r.height + '): ' + say(e));
	}
	if (document.documentElement.scrollWidth > innerWidth) {
		const over = all('body *').filter(e => shown(e) && e.getBoundingClientRect().right > innerWidth + 1);
		wrong.push('wider than ' + innerWidth + ' points: ' + (over.length ? say(over[over.length - 1]) : ''));
	}
	return wrong;
})()`

// healthy checks the page that a window shows, and takes its picture.
func healthy(t *testing.T, w *journeys.Window, name string) {
	t.Helper()
	w.WaitUntil("the whole page, with its looks", `document.readyState === 'complete'`, 30*time.Second)
	var wrong []string
	w.Eval(faults, &wrong)
	for _, f := range wrong {
		t.Errorf("page %s: %s", name, f)
	}
	w.Shot(name)
}
