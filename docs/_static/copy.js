// A button on each code cell that copies it; what it printed has none
for (const block of document.querySelectorAll('div.highlight')) {
    const pre = block.querySelector('pre');
    if (!pre || block.closest('.cell_output')) continue;
    const button = document.createElement('button');
    button.className = 'copy';
    button.type = 'button';
    button.textContent = 'Copy';
    button.setAttribute('aria-label', 'Copy this code');
    button.addEventListener('click', async () => {
        const text = pre.textContent.replace(/\n$/, '');
        try { await navigator.clipboard.writeText(text); }
        catch { // a page that was opened as a file may not
            const area = Object.assign(document.createElement('textarea'), {value: text});
            document.body.append(area);
            area.select();
            document.execCommand('copy');
            area.remove();
        }
        button.textContent = 'Copied';
        setTimeout(() => button.textContent = 'Copy', 1500);
    });
    block.append(button);
}
