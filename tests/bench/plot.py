"""The figures of the case `peers` as a drawing: a panel for each task, a bar for each program,
as long as the figure is on a scale of decades."""

import html
import math
import os
import platform
import time

WIDTH, LEFT, RIGHT, BAR, GAP, HEAD = 860, 130, 150, 17, 4, 40
COLOURS = {"envoi": "#1f6f8b", "floor": "#b8b8b8"}


def machine():
    """What the figures depend on, in a line."""
    facts = {}
    for path, mark in ("/proc/cpuinfo", ":"), ("/etc/os-release", "="):
        try:
            with open(path, encoding="utf-8") as file:
                for line in file:
                    name, _, value = line.partition(mark)
                    facts.setdefault(name.strip(), value.strip().strip('"'))
        except OSError:
            pass
    return (f"{os.cpu_count()} cores ({facts.get('model name', platform.machine())}), "
            f"{facts.get('PRETTY_NAME', platform.system())}, Linux {platform.release().split('-')[0]}")


def text(x, y, words, anchor="start", size=12, weight="normal", fill="#222"):
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}" '
            f'fill="{fill}">{html.escape(words)}</text>')


def panel(top, what, unit, more, figures):
    """Lines of SVG, and where the next one begins."""
    names = sorted(figures, key=figures.get, reverse=more)
    low = math.floor(math.log10(min(figures.values())))
    high = math.ceil(math.log10(max(figures.values())))
    scale = (WIDTH - LEFT - RIGHT) / max(high - low, 1)
    lines = [text(10, top + 16, f"{what}: {unit}", size=14, weight="bold"),
             text(WIDTH - 10, top + 16, "more is better" if more else "less is better", "end", fill="#666")]
    bottom = top + HEAD - 12 + len(names) * (BAR + GAP)
    for decade in range(low, high + 1):
        x = LEFT + (decade - low) * scale
        lines.append(f'<line x1="{x:.0f}" y1="{top + 26}" x2="{x:.0f}" y2="{bottom}" stroke="#ddd"/>')
        lines.append(text(x, bottom + 12, f"{10 ** decade:,g}", "middle", 10, fill="#666"))
    for i, name in enumerate(names):
        y = top + HEAD - 12 + i * (BAR + GAP)
        colour = COLOURS.get(name.split()[0], "#d9a05b")
        length = max((math.log10(figures[name]) - low) * scale, 1)
        value = figures[name]
        shown = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        lines += [text(LEFT - 8, y + 13, name, "end", weight="bold" if name.startswith("envoi") else "normal"),
                  f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" fill="{colour}"/>',
                  text(LEFT + length + 6, y + 13, shown)]
    return lines, bottom + 30


def write(path, panels):
    """panels: (what, unit, more, {name: figure})."""
    lines, top = [], 44
    for one in panels:
        more_lines, top = panel(top, *one)
        lines += more_lines
    date = time.strftime("%Y-%m-%d", time.gmtime())
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" '
                   f'viewBox="0 0 {WIDTH} {top}" font-family="sans-serif">\n'
                   f'<rect width="{WIDTH}" height="{top}" fill="#fff"/>\n')
        file.write(text(10, 18, f"scripts/bench peers, {date}: medians over loopback; grey: what the protocol needs",
                        fill="#444") + "\n")
        file.write(text(10, 34, machine(), fill="#444") + "\n")
        file.write("\n".join(lines) + "\n</svg>\n")
