# fish completion for ipc-client
complete -c ipc-client -f
complete -c ipc-client -o unix -l unix -d 'use ADDRESS as a unix socket, also with a colon in it'
complete -c ipc-client -l count -x -d 'send the numbers from 1 to N'
complete -c ipc-client -l interval -x -d 'pause between two numbers'
complete -c ipc-client -l timeout -x -d 'wait for a reply for at most TIME'
complete -c ipc-client -l connect-timeout -x -d 'connect within TIME'
complete -c ipc-client -l retry -d 'while nothing listens on ADDRESS, retry within --connect-timeout'
complete -c ipc-client -l interactive -d 'send standard input line by line and print the replies; the default at a terminal without --count'
complete -c ipc-client -l bench -d 'measure the server under load: check its echo, print messages per second and latencies'
complete -c ipc-client -l duration -x -d 'with --bench: measure for TIME'
complete -c ipc-client -l size -x -d 'with --bench: send messages of N bytes'
complete -c ipc-client -l connections -x -d 'with --bench: use N connections at a time'
complete -c ipc-client -l pipeline -x -d 'with --bench: keep N messages in flight on each connection'
complete -c ipc-client -l json -d 'with --bench: print one line of JSON'
complete -c ipc-client -s h -l help -d 'print this help'
complete -c ipc-client -s V -l version -d 'print the version'

# Sockets and directories.
function __ipc_client_addresses
    for candidate in (__fish_complete_path (commandline -ct))
        set -l path (string split \t -- $candidate)[1]
        set -l file (string replace -r '^~(?=/)' -- $HOME $path)
        if test -S $file -o -d $file
            echo $path
        end
    end
end
complete -c ipc-client -a '(__ipc_client_addresses)'
