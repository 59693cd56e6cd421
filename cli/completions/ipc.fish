# fish completion for ipc-server and ipc-client: the options are those of --help.
# One file for both: fish loads those of programs on PATH only, where these are not.
function __ipc_server_help
    set -l program (string replace -r '^~(?=/)' -- $HOME (commandline -opc)[1])
    $program --help 2>/dev/null
end

function __ipc_server_options
    # A description may have several lines.
    string replace -ra '\n {8,}' ' ' -- (__ipc_server_help | string collect) | string split \n |
        string replace -rf '^  (?:-., )?(--?[a-z-]+)(?: [A-Z]+)?  +(.*)' '$1\t$2'
end

# Sockets and directories, but not for the value of an option.
function __ipc_server_addresses
    set -l before (string replace -r '^--' - -- (commandline -opc)[-1])
    set -l name (string escape --style=regex -- $before)
    __ipc_server_help | string match -rq -- "^  -?$name [A-Z]"; and return
    for candidate in (__fish_complete_path (commandline -ct))
        set -l path (string split \t -- $candidate)[1]
        set -l file (string replace -r '^~(?=/)' -- $HOME $path)
        if test -S $file -o -d $file
            echo $path
        end
    end
end

complete -c ipc-server -f -a '(__ipc_server_options)'
complete -c ipc-client -f -a '(__ipc_server_options)'
complete -c ipc-client -a '(__ipc_server_addresses)'
