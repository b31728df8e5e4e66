"""Completion for bash, zsh and fish: scripts that contain the whole tree of commands.

They start no process and send no request, so a completion takes no noticeable time. Values that
only a node knows, such as the id of an attack, are not completed. Each script has the same two
tables: the nouns and options at a place in the tree, and the values of an option.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, get_args

from appliance.cli.reference.tree import PROGRAM, Command

Shell = Literal["bash", "zsh", "fish"]
FILES = "FILE"
"""A marker in place of values: names of files."""
_WIDTH = 100


def script(shell: Shell, root: Command) -> str:
    """The text of a completion script."""
    return _SCRIPTS[shell](root)


def _places(root: Command) -> Iterator[tuple[str, list[str], list[str]]]:
    """Place in the tree, nouns, options."""
    for one in root.walk():
        nouns = [below.path[-1] for below in one.commands]
        for argument in one.arguments:
            nouns += [FILES] if argument.takes_file else argument.choices
        yield " ".join(one.path), nouns, [name for each in one.options for name in each.names]


def _values(root: Command) -> Iterator[tuple[str, int, list[str]]]:
    """Place and option, number of words of its value, the values."""
    for one in root.walk():
        for option in one.options:
            if option.values:
                values = [FILES] if option.takes_file else list(option.choices)
                for name in option.names:
                    yield " ".join((*one.path, name)), option.values, values


def _sh_tables(root: Command) -> str:
    """The tables as functions of bash and zsh; they set variables of the caller."""
    lines = [f"_{PROGRAM}_place() {{", "    nouns= options=", '    case "$1" in']
    for place, nouns, options in _places(root):
        found = f"nouns='{' '.join(nouns)}' options='{' '.join(options)}'"
        lines.append(f"    '{place}') {found} ;;")
    lines += ["    esac", "}", "", f"_{PROGRAM}_value() {{", "    values= count=0"]
    lines += ['    case "$1" in']
    for patterns, count, values in _grouped(root):
        lines.append(f"    {patterns}) count={count} values='{values}' ;;")
    return "\n".join([*lines, "    esac", "}"])


def _grouped(root: Command) -> Iterator[tuple[str, int, str]]:
    """Options with the same values on one line: ``'a --url' | 'b --url'``."""
    groups: dict[tuple[int, str], list[str]] = {}
    for place, count, values in _values(root):
        groups.setdefault((count, " ".join(values)), []).append(f"'{place}'")
    for (count, joined), places in groups.items():
        yield " | ".join(places), count, joined


def _bash(root: Command) -> str:
    return f"""# bash completion for {PROGRAM}; made by `{PROGRAM} completion bash`
{_sh_tables(root)}

_{PROGRAM}() {{
    local current place= word option= left=0 nouns options values count candidates
    COMPREPLY=()
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        if [[ $word == "=" ]]; then
            continue
        elif ((left > 0)); then
            left=$((left - 1))
        elif [[ $word == -* ]]; then
            option=$word
            _{PROGRAM}_value "${{place:+$place }}$option"
            left=$count
        else
            _{PROGRAM}_place "$place"
            if [[ " $nouns " == *" $word "* && $word != {FILES} ]]; then
                place=${{place:+$place }}$word
            fi
        fi
    done
    current=${{COMP_WORDS[COMP_CWORD]}}
    if [[ $current == "=" ]]; then
        current=
    fi
    if ((left > 0)); then
        _{PROGRAM}_value "${{place:+$place }}$option"
        candidates=$values
    else
        _{PROGRAM}_place "$place"
        candidates=$nouns
        if [[ $current == -* || -z $nouns ]]; then
            candidates=$options
        fi
    fi
    if [[ $candidates == {FILES} ]]; then
        compopt -o default
    else
        COMPREPLY=($(compgen -W "$candidates" -- "$current"))
    fi
}}
complete -F _{PROGRAM} {PROGRAM}
"""


def _zsh(root: Command) -> str:
    return f"""#compdef {PROGRAM}
# zsh completion for {PROGRAM}; made by `{PROGRAM} completion zsh`
{_sh_tables(root)}

_{PROGRAM}() {{
    local place= word option= left=0 nouns options values count candidates
    for word in "${{words[@]:1:$((CURRENT - 2))}}"; do
        if ((left > 0)); then
            left=$((left - 1))
        elif [[ $word == -*=* ]]; then
            continue
        elif [[ $word == -* ]]; then
            option=$word
            _{PROGRAM}_value "${{place:+$place }}$option"
            left=$count
        else
            _{PROGRAM}_place "$place"
            if [[ " $nouns " == *" $word "* && $word != {FILES} ]]; then
                place=${{place:+$place }}$word
            fi
        fi
    done
    if [[ $left -eq 0 && $PREFIX == -*=* ]]; then
        option=${{PREFIX%%=*}} left=1
        compset -P '*='
    fi
    if ((left > 0)); then
        _{PROGRAM}_value "${{place:+$place }}$option"
        candidates=$values
    else
        _{PROGRAM}_place "$place"
        candidates=$nouns
        if [[ $PREFIX == -* || -z $nouns ]]; then
            candidates=$options
        fi
    fi
    if [[ $candidates == {FILES} ]]; then
        _files
    else
        compadd -- ${{=candidates}}
    fi
}}
if [[ $funcstack[1] == _{PROGRAM} ]]; then
    _{PROGRAM} "$@"
else
    compdef _{PROGRAM} {PROGRAM}
fi
"""


def _fish(root: Command) -> str:
    places, options = [], []
    for one in root.walk():
        place = " ".join(one.path)
        nouns = [(below.path[-1], below.summary) for below in one.commands]
        for argument in one.arguments:
            found = [FILES] if argument.takes_file else argument.choices
            nouns += [(each, "") for each in found]
        places += [f"        case {_fish_quoted(place)}", *map(_fish_row, nouns)]
        named = [(name, each.help) for each in one.options for name in each.names]
        options += [f"        case {_fish_quoted(place)}", *map(_fish_row, named)]
    counts, values = [], []
    for place, count, found in _values(root):
        counts += [f"        case {_fish_quoted(place)}", f"            echo {count}"]
        if found:
            values += [f"        case {_fish_quoted(place)}"]
            values += map(_fish_row, [(each, "") for each in found])
    return f"""# fish completion for {PROGRAM}; made by `{PROGRAM} completion fish`
{_fish_function("nouns", places)}
{_fish_function("options", options)}
{_fish_function("values", values)}
{_fish_function("count", [*counts, "        case '*'", "            echo 0"])}
function __{PROGRAM}_offer
    for line in $argv
        if test "$line" = {FILES}
            __fish_complete_path (commandline -ct)
        else
            printf '%s\\n' $line
        end
    end
end

function __{PROGRAM}_complete
    set -l place ''
    set -l option ''
    set -l left 0
    set -l tokens (commandline -opc)
    for token in $tokens[2..-1]
        if test $left -gt 0
            set left (math $left - 1)
            continue
        end
        switch $token
            case '-*=*'
            case '-*'
                set option $token
                set left (__{PROGRAM}_count (string trim "$place $option"))
            case '*'
                if contains -- $token (__{PROGRAM}_nouns "$place" | string replace -r '\\t.*' '')
                    set place (string trim "$place $token")
                end
        end
    end
    set -l current (commandline -ct)
    if test $left -gt 0
        __{PROGRAM}_offer (__{PROGRAM}_values (string trim "$place $option"))
    else if string match -q -- '-*=*' $current
        set option (string split -m 1 = -- $current)[1]
        for value in (__{PROGRAM}_values (string trim "$place $option"))
            test $value = {FILES}; or printf '%s=%s\n' $option $value
        end
    else if string match -q -- '-*' $current
        __{PROGRAM}_offer (__{PROGRAM}_options "$place")
    else
        __{PROGRAM}_offer (__{PROGRAM}_nouns "$place")
    end
end
complete -c {PROGRAM} -f -a '(__{PROGRAM}_complete)'
"""


def _fish_function(name: str, cases: list[str]) -> str:
    body = "\n".join(cases)
    return f'function __{PROGRAM}_{name}\n    switch "$argv[1]"\n{body}\n    end\nend\n'


def _fish_row(found: tuple[str, str]) -> str:
    word, text = found
    if not text:
        return f"            printf '%s\\n' {_fish_quoted(word)}"
    short = text if len(text) <= _WIDTH else text[:_WIDTH].rpartition(" ")[0] + " ..."
    return f"            printf '%s\\t%s\\n' {_fish_quoted(word)} {_fish_quoted(short)}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPTS: dict[str, Callable[[Command], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
SHELLS: tuple[Shell, ...] = get_args(Shell)
