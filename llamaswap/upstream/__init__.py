"""One model server process: started, watched and ended with its whole tree."""
