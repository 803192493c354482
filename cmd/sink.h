/*
 * envoi sink: a small local receiver of mail.
 */
#ifndef CMD_SINK_H
#define CMD_SINK_H

/** argv[0] is "sink"; returns the exit status. */
int cmd_sink(int argc, char **argv);

#endif
