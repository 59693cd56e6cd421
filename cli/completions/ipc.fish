# fish looks for completions of programs on PATH only, where these two are not.
if status is-interactive
    for file in $fish_complete_path/ipc-{server,client}.fish
        test -r $file; and source $file
    end
end
