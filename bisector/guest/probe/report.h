/* How does the host know that a line came from this probe, whole? */
#ifndef REPORT_H
#define REPORT_H

void report_begin(void);
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
void report_beat(void);
void report_end(void);

#endif
