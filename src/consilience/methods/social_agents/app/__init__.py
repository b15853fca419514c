"""The application: people, their chats, and tasks that their agents solve together, as pages of one server.

It is FastAPI with pages made on the server and one stream of names that say what has changed, and not NiceGUI, because

- people get pages that work without scripts, on a slow phone, and with the browser's own buttons. NiceGUI builds each
  page in the browser over a socket, and shows nothing where that breaks;
- who may do what can be read in one table (`access`), for every change is a request to an endpoint. In NiceGUI what is
  done are events of one socket, which no table lists;
- nothing but the application's own files may run (`shield`), which a front end that makes code in the browser does not
  allow.

The price: what is typed or moved without a request is not seen by anybody, and one has to ask the server for it.

====================================================== =================================================================
what                                                   is in
====================================================== =================================================================
who may do what                                        `access`, enforced by `door`
passwords, sessions, invitations                       `accounts`
what every reply carries                               `shield`
tasks under way, the hand of people on them            `desk`, `tasks`, `keeping`
what one side is shown                                 `views`
pages and what can be done on them                     `pages`, `deeds`, `rendering`, `templates/`, `static/`
====================================================== =================================================================
"""
