"""Vocabulary: the words that may be said without coming from anywhere, published here.

Words of talk carry a sentence and nothing else: they are always free. Everyday words are free as long as no message
that must not be told has them. There are no names, no numbers and no words of illness, money or love among them.
"""

from __future__ import annotations

from typing import Final

__all__ = ["EVERYDAY", "TALK"]

_TALK = """
a about above according after again against ago all almost along already also although always am among an and another
any anybody anyone anything anyway are aren't around as aside at away be because been before behind being below beside
besides between beyond both but by can can't cannot certain certainly could couldn't did didn't do does doesn't doing
don't done down during each either else enough even ever every everybody everyone everything except far few for from
further had hadn't has hasn't have haven't having he he'd he'll he's hence her here hers herself him himself his how
however i i'd i'll i'm i've if in indeed instead into is isn't it it'd it'll it's its itself just last least less let
let's like likely many may maybe me mean means meant mine more most much must my myself near nearly neither never next
no nobody none nor not nothing now of off often oh ok okay on once only onto or other others otherwise our ours
ourselves out over own per perhaps please possible possibly probably quite rather really right same several shall she
she'd she'll she's should shouldn't since so some somebody somehow someone something sometimes somewhere soon still
such sure than thank thanks that that's the their theirs them themselves then there there's therefore these they they'd
they'll they're they've this those though through thus till to together too toward towards true under unless until up
upon us usually very via was wasn't we we'd we'll we're we've well were weren't what what's whatever when where whether
which while who who's whoever whole whom whose why will with within without won't would wouldn't wrong yes yet you you'd
you'll you're you've your yours yourself

add added agree agreed answer answered answering answers apologies apologise appear ask asked asking asks assume aware
believe bye check checked checking clear clearly compare compared conclude concluded confirm confirmed consider correct
correctly decline declined depend depends describe describes detail details different differs difference discuss
discussed evidence exact exactly example explain fact facts find finding finds found get gets getting give given gives
giving glad go goes going good got great guess hear heard hello help helped helpful helps hi idea information instance
kind kinds know knowing known knows learn learned learnt list listed look looked looking looks match matches memory
mention mentioned mentions message messages miss missing need needed needs note noted one pardon part particular people
permission person pleasure plan point question questions reach read ready reason recall refer reply report result said
same saw say saying says search searched see seeing seem seems seen share shared shares sharing show showed shown shows
slot slots sorry sort speak state stated statement states step suggest suggests sum task tell telling tells term thing
things think thinking thought told try understand understood unfortunately unknown unsure use value values verify want
wanted wants way welcome wish wonder word words two first second both
"""

_EVERYDAY = """
able absolutely accept act action active actual actually advance afternoon age agent alone aloud amount angle apart
apologise appreciate area argue arrange arranged arrangement arrive arrives article aspect attempt attend attention
available average avoid back base based basis bear become becomes begin beginning begins begun best better big bit
book bottom break brief bring brings brought build busy buy call called calls calm came card care careful carry case
catch cause centre chance change changed changes chat cheerful choice choose chosen circle circumstance city class
clean close closed closer collect come comes coming comment common company complete completely concern condition
connect connection consequence contact contacts contain contains context continue conversation conversations cool copy
corner cost count country couple course cover create current currently cut date dates day days deal decide decided
decision deep definitely deliver direct direction directly discover door doubt draw drink drive drop due dull earlier
early easily easy eat edge effort end ended ending ends enjoy enter entire entirely entry equal equally
especially evening event events eventually everyday exchange exist exists expect expected experience extra eye face
fair fairly fall family fast favour favourite feel feels fellow field fill final finally fine finish finished fit fix
flat follow followed following follows food foot form former forward forwarded free fresh friend friendly friends
front full fully fun future game gap general generally gentle glance group groups grow guest habit hand handle happen
happened happens happy hard hardly head heart heavy held hold home honest honestly hope hopefully hot hour hours house
huge hurry immediately important impossible impression improve include included includes including increase indicate
indicates inside interest interested interesting introduce introduction invite invited involve issue item items job
join joined keep keeping keeps kept key large late lately later latest laugh lead leave leaves left length letter
level life light limit line lines link listen little live lives living local long longer longest lot lots loud low
lunch main mainly make makes making man manage manner mark matter meal meanwhile measure meet meeting meetings meets
member members mental middle might mind minute minutes mistake moment month months mood morning mostly move moved
movement music name named names narrow natural nature necessary neighbour nervous new news nice night noise noon
normal normally notice number numbers object obvious obviously occasion occur odd offer office old older online open
opened opinion opinions option options order ordinary original outcome outside overlap paper party pass passed past
path pause pay perfect period piece place placed places play playing pleasant pleased plenty position post practice
prefer preference prepare prepared present pretty prevent previous previously price problem proceed process progress
proper properly propose provide provided public pull purpose push put puts quick quickly quiet quietly range rare
rarely rate reading real realise receive received recent recently record reference regard regarding region related
relation relax release relevant remain remains remark remember remembered reminds remove repeat repeated replace
request require required requires respond response rest return returned room round route rule run safe sat satisfied
save scene schedule season seat section select send sense sent separate series serious serve service set settle
settled shape sharp short shorter should side sight sign similar similarly simple simply single sit situation size sky
slightly slow slowly small smaller smallest smile social solid solution solve solved sound sounds source space spare
special specific specifically spend spent split spoke spot stage stand standing start started starting starts stay
stays stop stopped story straight strange street strong study stuff subject such sudden suddenly suggestion suit
suitable sun supper support suppose supposed surely surprise sweet table take taken takes taking talk talked talking
talks tea team test text today tomorrow tonight topic total totally touch town track travel trip trouble trust truth
turn turned turns type typical unable uncertain unclear unusual update upper useful usual vary version view visit
visited visiting voice wait waiting walk warm watch water wear weather week weekend weekends weeks wide window
wonderful wood work worked working works world worry worth write writes writing written wrote year years yesterday
young
"""

TALK: Final[frozenset[str]] = frozenset(_TALK.split())
"""Words of talk: always free."""

EVERYDAY: Final[frozenset[str]] = frozenset(_EVERYDAY.split()) - TALK
"""Everyday words: free unless a message that must not be told has them."""
