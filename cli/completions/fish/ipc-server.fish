# fish completion for ipc-server
complete -c ipc-server -f
complete -c ipc-server -l name -x -d 'serve the socket of this name'
complete -c ipc-server -l check -d 'check the socket and settings from systemd, print the result, and exit'
complete -c ipc-server -l quiet -d 'log no received chunks'
complete -c ipc-server -l drain-timeout -x -d 'on stop, close connections that are still open after TIME'
complete -c ipc-server -l idle-timeout -x -d 'exit after TIME without connections; the next connection starts the server again'
complete -c ipc-server -l connection-timeout -x -d 'close connections that are silent for TIME'
complete -c ipc-server -l max-connections -x -d 'serve at most N connections at a time'
complete -c ipc-server -l max-waiting -x -d 'keep up to N more connections waiting; close the rest'
complete -c ipc-server -l backlog -x -d 'set the kernel\'s queue to N connections, as Backlog= of the socket unit'
complete -c ipc-server -s h -l help -d 'print this help'
complete -c ipc-server -s V -l version -d 'print the version'
